using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Offsets;

/// <summary>
/// Committed offsets and the ends of queues. Mirrors parts of <c>ConsumerManageProcessor</c> and
/// <c>AdminBrokerProcessor</c>.
/// </summary>
internal sealed class OffsetProcessor(OffsetTable offsets, IMessageReader store, TopicTable topics, GroupTable groups)
{
    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.QueryConsumerOffset, (_, request) => Query(request));
        table.Add(RequestCodes.UpdateConsumerOffset, (_, request) => Update(request));
        table.Add(RequestCodes.GetMaxOffset, (_, request) => WithOffset(request, store.MaxOffset(QueueOf(request))));
        table.Add(RequestCodes.GetMinOffset, (_, request) => WithOffset(request, store.MinOffset(QueueOf(request))));
        table.Add(RequestCodes.SearchOffsetByTimestamp, (_, request) => Search(request));
        table.Add(RequestCodes.GetEarliestMessageStoreTime, (_, request) => GetEarliest(request));
    }

    private RemotingCommand Query(RemotingCommand request)
    {
        var queue = QueueOf(request);
        if (offsets.Find(new(request.GetRequired("consumerGroup"), queue.Topic, queue.QueueId)) is >= 0 and var committed)
        {
            return WithOffset(request, committed);
        }

        if (request["setZeroIfNotFound"] is not null && !request.GetBoolean("setZeroIfNotFound"))
        {
            return RemotingCommand.Response(
                request,
                ResponseCodes.QueryNotFound,
                "Not found, do not set to zero, maybe this group boot first");
        }

        // A new group on a queue that still has its very first message starts there, whatever it asks for.
        if (store.MinOffset(queue) <= 0 && store.MaxOffset(queue) > 0)
        {
            return WithOffset(request, 0);
        }

        return RemotingCommand.Response(
            request, ResponseCodes.QueryNotFound, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first");
    }

    private RemotingCommand Update(RemotingCommand request)
    {
        var group = request.GetRequired("consumerGroup");
        var topic = request.GetRequired("topic");
        if (!groups.Contains(group))
        {
            return RemotingCommand.Response(request, ResponseCodes.SubscriptionGroupNotExist, $"Group {group} not exist!");
        }

        if (topics.Find(topic) is null)
        {
            return RemotingCommand.Response(request, ResponseCodes.TopicNotExist, $"Topic {topic} not exist!");
        }

        if (request["queueId"] is null)
        {
            return RemotingCommand.Response(request, ResponseCodes.InvalidParameter, $"QueueId is null, topic is {topic}");
        }

        if (request["commitOffset"] is null)
        {
            return RemotingCommand.Response(request, ResponseCodes.InvalidParameter, $"Offset is null, topic is {topic}");
        }

        var queue = new GroupQueue(group, topic, request.GetInt32("queueId"));
        if (offsets.HasReset(queue))
        {
            return RemotingCommand.Response(request, ResponseCodes.Success, "Offset has been previously reset");
        }

        offsets.Commit(queue, request.GetInt64("commitOffset"));
        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private RemotingCommand Search(RemotingCommand request)
    {
        var upper = string.Equals(request["boundaryType"], "upper", StringComparison.OrdinalIgnoreCase);
        return WithOffset(request, store.FindByTime(QueueOf(request), request.GetInt64("timestamp"), upper));
    }

    private RemotingCommand GetEarliest(RemotingCommand request)
    {
        var queue = QueueOf(request);
        store.TryGet(queue, store.MinOffset(queue), out var entry, out _);
        return RemotingCommand.Response(request, ResponseCodes.Success).Set("timestamp", entry.StoreTime > 0 ? entry.StoreTime : -1);
    }

    private static TopicQueue QueueOf(RemotingCommand request) => new(request.GetRequired("topic"), request.GetInt32("queueId"));

    private static RemotingCommand WithOffset(RemotingCommand request, long offset)
        => RemotingCommand.Response(request, ResponseCodes.Success).Set("offset", offset);
}
