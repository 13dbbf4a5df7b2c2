using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>Settings, members and progress of groups. Mirrors parts of <c>AdminBrokerProcessor</c>.</summary>
internal sealed class GroupProcessor(
    GroupTable groups,
    ConsumerTable consumers,
    OffsetTable offsets,
    TopicTable topics,
    MessageStore store,
    string brokerName,
    bool pushResets)
{
    private const long AllQueues = -1;

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.UpdateAndCreateSubscriptionGroup, (_, request) => Set(request));
        table.Add(RequestCodes.GetSubscriptionGroupConfig, (_, request) => Get(request));
        table.Add(RequestCodes.GetAllSubscriptionGroupConfig, (_, request) => GetAll(request));
        table.Add(RequestCodes.GetConsumerConnectionList, (_, request) => GetConnections(request));
        table.Add(RequestCodes.GetConsumeStats, (_, request) => GetStats(request));
        table.Add(RequestCodes.InvokeBrokerToResetOffset, (_, request) => ResetOffsetsAsync(request));
    }

    private RemotingCommand Set(RemotingCommand request)
    {
        GroupConfig group;
        try
        {
            group = GroupJson.Read(request.Body.Span);
        }
        catch (JsonException exception)
        {
            return RemotingCommand.Response(request, ResponseCodes.SystemError, exception.Message);
        }

        if (group.Name.Length == 0 || ReservedTopics.HasIllegalCharacters(group.Name))
        {
            return RemotingCommand.Response(
                request,
                ResponseCodes.InvalidParameter,
                "The specified group contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$");
        }

        groups.Set(group);
        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private RemotingCommand Get(RemotingCommand request)
    {
        var name = request.GetRequired("group");
        return groups.Contains(name)
            ? WithJson(request, GroupJson.Write(groups.Find(name)!))
            : RemotingCommand.Response(request, ResponseCodes.SubscriptionGroupNotExist, $"No group in this broker: {name}");
    }

    private RemotingCommand GetAll(RemotingCommand request)
    {
        var all = groups.All.Select(group => $"\"{group.Name}\":{GroupJson.Write(group)}");
        return WithJson(
            request,
            "{\"dataVersion\":{\"counter\":1,\"stateVersion\":0,\"timestamp\":0},\"forbiddenTable\":{},"
            + $"\"subscriptionGroupTable\":{{{string.Join(',', all)}}}}}");
    }

    private RemotingCommand GetConnections(RemotingCommand request)
    {
        var name = request.GetRequired("consumerGroup");
        if (consumers.View(name) is not { } view)
        {
            return RemotingCommand.Response(request, ResponseCodes.ConsumerNotOnline, $"the consumer group[{name}] not online");
        }

        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteStartArray("connectionSet");
            foreach (var member in view.Members)
            {
                json.WriteStartObject();
                json.WriteString("clientAddr", member.Peer.Address);
                json.WriteString("clientId", member.ClientId);
                json.WriteString("language", LanguageCodes.NameOf(member.Language));
                json.WriteNumber("version", member.Version);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("consumeFromWhere", view.ConsumeFromWhere);
            json.WriteString("consumeType", view.ConsumeType);
            json.WriteString("messageModel", view.MessageModel);
            json.WriteStartObject("subscriptionTable");
            foreach (var subscription in view.Subscriptions)
            {
                json.WritePropertyName(subscription.Topic);
                JsonSerializer.Serialize(json, subscription, ProtocolJson.Default.SubscriptionData);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return RemotingCommand.Response(request, ResponseCodes.Success, body: output.ToArray());
    }

    private RemotingCommand GetStats(RemotingCommand request)
    {
        var groupName = request.GetRequired("consumerGroup");
        var wanted = string.IsNullOrWhiteSpace(request["topic"]) ? offsets.TopicsOf(groupName) : [request["topic"]!];
        var entries = from name in wanted
                      let topic = topics.Find(name)
                      where topic is not null
                      from queueId in Enumerable.Range(0, topic.ReadQueues)
                      select StatsEntry(groupName, new(name, queueId));
        return WithJson(request, $"{{\"consumeTps\":0.0,\"offsetTable\":{{{string.Join(',', entries)}}}}}");
    }

    // Keys that are objects, as fastjson writes them.
    private string StatsEntry(string group, TopicQueue queue)
    {
        var consumed = offsets.Find(new(group, queue.Topic, queue.QueueId)) ?? 0;
        var lastTime = consumed > 0 && store.TryGet(queue, consumed - 1, out var entry, out _) ? entry.StoreTime : 0;
        return $"{QueueJson(queue)}:{{\"brokerOffset\":{store.MaxOffset(queue)},\"consumerOffset\":{consumed},"
            + $"\"lastTimestamp\":{lastTime},\"pullOffset\":{consumed}}}";
    }

    // What RocketMQ does since 5.2: the offsets are changed here, and the next pull of each queue is told to move. Before,
    // members were told, and they changed the offsets.
    private async ValueTask<RemotingCommand?> ResetOffsetsAsync(RemotingCommand request)
    {
        var group = request.GetRequired("group");
        var topicName = request.GetRequired("topic");
        if (topics.Find(topicName) is not { } topic)
        {
            return RemotingCommand.Response(request, ResponseCodes.TopicNotExist, $"Topic {topicName} does not exist");
        }

        if (!groups.Contains(group))
        {
            return RemotingCommand.Response(request, ResponseCodes.SubscriptionGroupNotExist, $"Group {group} does not exist");
        }

        var queueId = request.GetInt64("queueId", AllQueues);
        var offset = request.GetInt64("offset", -1);
        var timestamp = request.GetInt64("timestamp");
        var entries = new List<string>();
        foreach (var queue in Enumerable.Range(0, topic.ReadQueues).Select(id => new TopicQueue(topicName, id)))
        {
            if (queueId != AllQueues && queueId != queue.QueueId)
            {
                continue;
            }

            var target = offset >= 0 && queueId != AllQueues
                ? offset
                : timestamp < 0 ? store.MaxOffset(queue) : store.FindByTime(queue, timestamp, upper: false);
            if (!pushResets)
            {
                offsets.Reset(new(group, topicName, queue.QueueId), target);
            }

            entries.Add($"{QueueJson(queue)}:{target}");
        }

        var answer = WithJson(request, $"{{\"offsetTable\":{{{string.Join(',', entries)}}}}}");
        if (pushResets)
        {
            if (consumers.View(group) is not { Members.Count: > 0 } view)
            {
                return RemotingCommand.Response(
                    request,
                    ResponseCodes.ConsumerNotOnline,
                    $"Consumer not online, so can not reset offset, Group: {group} Topic: {topicName} Timestamp: {timestamp}");
            }

            foreach (var member in view.Members)
            {
                var push = RemotingCommand.Request(RequestCodes.ResetConsumerClientOffset, answer.Body, oneWay: true)
                    .Set("topic", topicName).Set("group", group).Set("timestamp", timestamp);
                await member.Peer.Connection.SendAsync(push).ConfigureAwait(false);
            }
        }

        return answer;
    }

    private string QueueJson(TopicQueue queue)
        => $"{{\"brokerName\":\"{brokerName}\",\"queueId\":{queue.QueueId},\"topic\":\"{queue.Topic}\"}}";

    private static RemotingCommand WithJson(RemotingCommand request, string json)
        => RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(json));
}
