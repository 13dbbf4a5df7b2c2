using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>Shows topics and how full they are. Mirrors parts of <c>AdminBrokerProcessor</c>.</summary>
internal sealed class TopicViewProcessor(TopicTable topics, MappingTable mappings, IMessageReader store, string brokerName)
{
    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.GetTopicConfig, (_, request) => Get(request));
        table.Add(RequestCodes.GetTopicStatsInfo, (_, request) => GetStats(request));
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
            store.TryGet(queue, max - 1, out var entry, out _);
            return $"{{\"brokerName\":\"{brokerName}\",\"queueId\":{queueId},\"topic\":\"{name}\"}}:"
                + $"{{\"lastUpdateTimestamp\":{entry.StoreTime},\"maxOffset\":{max},\"minOffset\":{store.MinOffset(queue)}}}";
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

        var mapping = request.GetBoolean("lo") && mappings.Find(name) is { } found
            ? $"\"mappingDetail\":{JsonSerializer.Serialize(found, MappingJson.Default.QueueMapping)},"
            : string.Empty;
        var json = $"{{\"attributes\":{{}},{mapping}\"order\":{(topic.Order ? "true" : "false")},\"perm\":{topic.Perm},"
            + $"\"readQueueNums\":{topic.ReadQueues},\"topicFilterType\":\"{topic.FilterType}\","
            + $"\"topicName\":\"{topic.Name}\",\"topicSysFlag\":{topic.SysFlag},\"writeQueueNums\":{topic.WriteQueues}}}";
        return RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(json));
    }
}
