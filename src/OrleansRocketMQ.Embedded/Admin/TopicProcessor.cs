using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Pops;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>Makes, changes and deletes topics. Mirrors parts of <c>AdminBrokerProcessor</c>.</summary>
internal sealed class TopicProcessor(TopicTable topics, MessageStore store, OffsetTable offsets, PopBook popped, MappingTable mappings)
{
    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.UpdateAndCreateTopic, (_, request) => Set(request));
        table.Add(RequestCodes.DeleteTopicInBroker, (_, request) => Delete(request));
    }

    /// <summary>Deletes a topic with its messages and everybody's offsets.</summary>
    public bool Delete(string topic)
    {
        // What groups failed on goes with it (clearRetryTopicWhenDeleteTopic).
        foreach (var retries in offsets.GroupsOf(topic).SelectMany(group => new RetryTopics(isV2: true).All(topic, group)))
        {
            if (topics.Find(retries) is not null)
            {
                Delete(retries);
            }
        }

        try
        {
            return topics.Remove(topic);
        }
        finally
        {
            // Also when the change could not be saved: the topic is gone, and one of its name must not begin with its messages.
            store.DropTopic(topic);
            offsets.RemoveTopic(topic);
            popped.RemoveTopic(topic);
            mappings.Remove(topic);
        }
    }

    /// <summary>Makes or changes the topic a request names.</summary>
    public RemotingCommand Set(RemotingCommand request)
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
            KeepsBatches = topics.Find(topic) is { } known ? known.KeepsBatches : KeepsBatches(request["attributes"]),
        });
        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    // The type of a topic's queues never changes (QUEUE_TYPE_ATTRIBUTE).
    private static bool KeepsBatches(string? attributes)
        => attributes?.Split(',').Contains("+queue.type=BatchCQ", StringComparer.Ordinal) == true;

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
}
