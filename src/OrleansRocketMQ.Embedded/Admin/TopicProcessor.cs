using System.Text;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>Makes, changes, shows and deletes topics. Mirrors parts of <c>AdminBrokerProcessor</c>.</summary>
internal sealed class TopicProcessor(TopicTable topics, MessageStore store, OffsetTable offsets, string brokerName)
{
    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.UpdateAndCreateTopic, (_, request) => Set(request));
        table.Add(RequestCodes.DeleteTopicInBroker, (_, request) => Delete(request));
        table.Add(RequestCodes.GetTopicConfig, (_, request) => Get(request));
        table.Add(RequestCodes.GetTopicStatsInfo, (_, request) => GetStats(request));
    }

    /// <summary>Deletes a topic with its messages and everybody's offsets.</summary>
    public bool Delete(string topic)
    {
        var removed = topics.Remove(topic);
        store.DropTopic(topic);
        offsets.RemoveTopic(topic);
        return removed;
    }

    private RemotingCommand Set(RemotingCommand request)
    {
        var topic = request.GetRequired("topic");
        if (ReservedTopics.Complaint(topic) is { } complaint)
        {
            return RemotingCommand.Response(request, ResponseCodes.InvalidParameter, complaint);
        }

        if (ReservedTopics.IsReserved(topic))
        {
            return RemotingCommand.Response(request, ResponseCodes.InvalidParameter, $"The topic[{topic}] is conflict with system topic.");
        }

        topics.Set(new(topic, request.GetInt32("readQueueNums"), request.GetInt32("writeQueueNums"), request.GetInt32("perm"))
        {
            FilterType = request["topicFilterType"] ?? "SINGLE_TAG",
            SysFlag = request.GetInt32("topicSysFlag", 0),
            Order = request.GetBoolean("order"),
        });
        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private RemotingCommand Delete(RemotingCommand request)
    {
        var topic = request.GetRequired("topic");
        if (string.IsNullOrWhiteSpace(topic))
        {
            return RemotingCommand.Response(request, ResponseCodes.InvalidParameter, "The specified topic is blank.");
        }

        if (ReservedTopics.IsReserved(topic))
        {
            return RemotingCommand.Response(request, ResponseCodes.InvalidParameter, $"The topic[{topic}] is conflict with system topic.");
        }

        Delete(topic);
        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private RemotingCommand GetStats(RemotingCommand request)
    {
        var name = request.GetRequired("topic");
        if (topics.Find(name) is not { } topic)
        {
            return RemotingCommand.Response(request, ResponseCodes.TopicNotExist, $"topic[{name}] not exist");
        }

        // Keys that are objects, as fastjson writes them.
        var entries = Enumerable.Range(0, Math.Max(topic.ReadQueues, topic.WriteQueues)).Select(queueId =>
        {
            var queue = new TopicQueue(name, queueId);
            var max = store.MaxOffset(queue);
            var updated = store.TryGet(queue, max - 1, out var entry, out _) ? entry.StoreTime : 0;
            return $"{{\"brokerName\":\"{brokerName}\",\"queueId\":{queueId},\"topic\":\"{name}\"}}:{{\"lastUpdateTimestamp\":{updated},\"maxOffset\":{max},\"minOffset\":{store.MinOffset(queue)}}}";
        });
        return RemotingCommand.Response(
            request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes($"{{\"offsetTable\":{{{string.Join(',', entries)}}}}}"));
    }

    private RemotingCommand Get(RemotingCommand request)
    {
        var name = request.GetRequired("topic");
        if (topics.Find(name) is not { } topic)
        {
            return RemotingCommand.Response(request, ResponseCodes.TopicNotExist, $"No topic in this broker. topic: {name}");
        }

        var json = $"{{\"attributes\":{{}},\"order\":{(topic.Order ? "true" : "false")},\"perm\":{topic.Perm},\"readQueueNums\":{topic.ReadQueues},\"topicFilterType\":\"{topic.FilterType}\",\"topicName\":\"{topic.Name}\",\"topicSysFlag\":{topic.SysFlag},\"writeQueueNums\":{topic.WriteQueues}}}";
        return RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(json));
    }
}
