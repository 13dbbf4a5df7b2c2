using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// Takes note of what is done with popped messages. As in RocketMQ nobody is told whether that came in time. Mirrors
/// <c>AckMessageProcessor</c> and <c>ChangeInvisibleTimeProcessor</c>.
/// </summary>
internal sealed class AckProcessor(
    MessageStore store, TopicTable topics, PopBook book, OrderedQueues ordered, string brokerName)
{
    private const string Faq = "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.AckMessage, Ack);
        table.Add(RequestCodes.BatchAckMessage, BatchAck);
        table.Add(RequestCodes.ChangeMessageInvisibleTime, ChangeInvisibleTime);
    }

    private RemotingCommand Ack(ClientPeer peer, RemotingCommand request)
    {
        var queue = QueueOf(request);
        var offset = request.GetInt64("offset");
        if (Refuse(peer, request, queue) is { } refusal)
        {
            return refusal;
        }

        var (min, max) = BoundsOf(queue);
        if (offset < min || offset > max)
        {
            return RemotingCommand.Response(
                request,
                ResponseCodes.NoMessage,
                $"offset is illegal, key:{queue.Topic}@{queue.QueueId}, commit:{offset}, store:{min}~{max}");
        }

        var handle = ReceiptHandle.Parse(request.GetRequired("extraInfo"));
        return Ack(peer, request, queue, handle, offset) ?? RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private RemotingCommand BatchAck(ClientPeer peer, RemotingCommand request)
    {
        var batch = request.Body.IsEmpty ? null : TolerantJson.Read(request.Body.Span, ProtocolJson.Default.BatchAckRequest);
        if (batch is not { Acks.Count: > 0 })
        {
            return RemotingCommand.Response(request, ResponseCodes.NoMessage);
        }

        RemotingCommand? complaint = null;
        foreach (var ack in batch.Acks)
        {
            var handle = new ReceiptHandle(
                ack.StartOffset,
                ack.PopTime,
                ack.InvisibleTime,
                ack.ReviveQueueId,
                PopText.Kind(ack.Retry),
                batch.BrokerName ?? string.Empty,
                ack.QueueId,
                ack.StartOffset);
            var queue = new GroupQueue(ack.ConsumerGroup, handle.TopicOf(ack.Topic, ack.ConsumerGroup), ack.QueueId);
            var (min, max) = BoundsOf(queue);
            foreach (var offset in ack.Offsets().Where(offset => offset >= min && offset <= max))
            {
                complaint = Ack(peer, request, queue, handle, offset) ?? complaint;
            }
        }

        return complaint ?? RemotingCommand.Response(request, ResponseCodes.Success);
    }

    /// <returns>Why it is refused; null when it is not.</returns>
    private RemotingCommand? Ack(ClientPeer peer, RemotingCommand request, GroupQueue queue, ReceiptHandle handle, long offset)
    {
        if (handle.IsOrdered)
        {
            return ordered.TryAck(queue, offset, handle.PopTime)
                ? null
                : RemotingCommand.Response(
                    request,
                    ResponseCodes.MessageIllegal,
                    $"offset is illegal, key:{queue.Topic}@{queue.Group}@{queue.QueueId}, commit:{offset}, {peer.Address}");
        }

        if (handle.BrokerName == brokerName)
        {
            lock (book.Gate)
            {
                book.Checkpoints.Ack(KeyOf(queue, handle), offset);
            }

            book.NoteChange();
        }

        return null;
    }

    private RemotingCommand ChangeInvisibleTime(ClientPeer peer, RemotingCommand request)
    {
        var queue = QueueOf(request);
        var offset = request.GetInt64("offset");
        var invisibleTime = request.GetInt64("invisibleTime");
        if (Refuse(peer, request, queue) is { } refusal)
        {
            return refusal;
        }

        var (min, max) = BoundsOf(queue);
        if (offset < min || offset >= max)
        {
            return RemotingCommand.Response(request, ResponseCodes.NoMessage);
        }

        var handle = ReceiptHandle.Parse(request.GetRequired("extraInfo"));
        var changed = handle.IsOrdered
            ? ordered.ChangeVisibleTime(queue, offset, handle.PopTime, invisibleTime)
            : Change(queue, handle, offset, invisibleTime);
        return changed is not { } now
            ? RemotingCommand.Response(request, ResponseCodes.SystemError, "too many messages are popped and not acknowledged")
            : RemotingCommand.Response(request, ResponseCodes.Success)
                .Set("popTime", now.PopTime)
                .Set("invisibleTime", now.InvisibleTime)
                .Set("reviveQid", now.PopTime == 0 ? 0 : handle.ReviveQueueId);
    }

    // The message gets a checkpoint of its own, and is done for the one it had.
    private (long PopTime, long InvisibleTime)? Change(GroupQueue queue, ReceiptHandle handle, long offset, long invisibleTime)
    {
        lock (book.Gate)
        {
            if (book.Checkpoints.IsFull)
            {
                return null;
            }

            // Within one millisecond it would be known by the name of the other one.
            var key = new CheckpointKey(queue.Group, queue.Topic, queue.QueueId, offset, store.Now);
            while (book.Checkpoints.Contains(key))
            {
                key = key with { PopTime = key.PopTime + 1 };
            }

            book.Checkpoints.TryAdd(new(key, invisibleTime, [offset]));
            if (handle.BrokerName == brokerName)
            {
                book.Checkpoints.Ack(KeyOf(queue, handle), offset);
            }

            book.NoteChange();
            return (key.PopTime, invisibleTime);
        }
    }

    private RemotingCommand? Refuse(ClientPeer peer, RemotingCommand request, GroupQueue queue)
    {
        if (topics.Find(queue.Topic) is not { } topic)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.TopicNotExist, $"topic[{queue.Topic}] not exist, apply first please! {Faq}");
        }

        return queue.QueueId >= 0 && queue.QueueId < topic.ReadQueues
            ? null
            : RemotingCommand.Response(
                request,
                ResponseCodes.MessageIllegal,
                $"queueId[{queue.QueueId}] is illegal, topic:[{queue.Topic}] "
                    + $"topicConfig.readQueueNums:[{topic.ReadQueues}] consumer:[/{peer.Address}]");
    }

    private (long Min, long Max) BoundsOf(GroupQueue queue)
    {
        var stored = new TopicQueue(queue.Topic, queue.QueueId);
        return (store.MinOffset(stored), store.MaxOffset(stored));
    }

    private static CheckpointKey KeyOf(GroupQueue queue, ReceiptHandle handle)
        => new(queue.Group, queue.Topic, queue.QueueId, handle.CheckpointOffset, handle.PopTime);

    private static GroupQueue QueueOf(RemotingCommand request)
        => new(request.GetRequired("consumerGroup"), request.GetRequired("topic"), request.GetInt32("queueId"));
}
