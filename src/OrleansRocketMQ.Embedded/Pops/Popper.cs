using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// Takes messages out of queues for groups that pop: from the group's offset on, which moves behind them at once. What is taken
/// stands in the book until it is done. Mirrors <c>PopMessageProcessor.popMsgFromQueue</c>. Thread-safe.
/// </summary>
internal sealed class Popper(
    MessageStore store,
    TopicTable topics,
    OffsetTable offsets,
    PopBook book,
    OrderedQueues ordered,
    RetryTopics retryTopics,
    string brokerName)
{
    private const int MostBytes = 128 * 1024 * 1024;
    private const int ReviveQueues = 8;

    // RocketMQ leaves to chance which fifth looks at the retry topic first (popFromRetryProbability), and where it begins.
    private const int RetriesFirstEvery = 5;

    private uint _turn;

    public Popped Pop(PopCommand pop, TopicConfig topic, MessageFilter filter)
    {
        var turn = Interlocked.Increment(ref _turn);
        var popped = new Popped(store.Now, pop.IsOrdered ? ReceiptHandle.OrderedReviveQueueId : (int)(turn % ReviveQueues));
        var retries = pop.IsOrdered || SystemTopics.IsRetry(pop.Topic) ? null : topics.Find(retryTopics.ToPop(pop.Topic, pop.Group, turn));
        var retriesFirst = turn % RetriesFirstEvery == 0;
        lock (book.Gate)
        {
            if (retriesFirst)
            {
                PopTopic(popped, pop, retries, filter, turn);
            }

            if (pop.QueueId < 0)
            {
                PopTopic(popped, pop, topic, filter, turn);
            }
            else
            {
                PopQueue(popped, pop, new(pop.Group, topic.Name, pop.QueueId), filter);
            }

            if (!retriesFirst && popped.Count < pop.MaxMessages)
            {
                PopTopic(popped, pop, retries, filter, turn);
            }
        }

        return popped;
    }

    /// <summary>Whether a topic, and what belongs to it, has something for a group to pop.</summary>
    public bool HasMessages(PopCommand pop, TopicConfig topic)
    {
        lock (book.Gate)
        {
            var asked = pop.QueueId < 0 ? Enumerable.Range(0, topic.ReadQueues) : [pop.QueueId];
            return asked.Any(queueId => HasMessages(pop, topic.Name, queueId))
                || retryTopics.All(pop.Topic, pop.Group)
                    .Select(topics.Find)
                    .OfType<TopicConfig>()
                    .Any(retries => Enumerable.Range(0, retries.ReadQueues).Any(queueId => HasMessages(pop, retries.Name, queueId)));
        }
    }

    private bool HasMessages(PopCommand pop, string topic, int queueId)
    {
        var queue = new GroupQueue(pop.Group, topic, queueId);
        return !(pop.IsOrdered && IsBlocked(pop, queue))
            && store.MaxOffset(new(topic, queueId)) > (offsets.Find(queue) ?? store.MinOffset(new(topic, queueId)));
    }

    private bool IsBlocked(PopCommand pop, GroupQueue queue)
        => book.FindOrdered(queue) is { } last && !last.IsAttempt(pop.AttemptId) && last.IsBlocking(store.Now);

    private void PopTopic(Popped popped, PopCommand pop, TopicConfig? topic, MessageFilter filter, uint turn)
    {
        for (var index = 0; topic is not null && index < topic.ReadQueues; index++)
        {
            PopQueue(popped, pop, new(pop.Group, topic.Name, (int)((turn + index) % topic.ReadQueues)), filter);
        }
    }

    private void PopQueue(Popped popped, PopCommand pop, GroupQueue queue, MessageFilter filter)
    {
        var stored = new TopicQueue(queue.Topic, queue.QueueId);
        var offset = BeginOf(pop, queue, stored);
        if (pop.IsOrdered && IsBlocked(pop, queue))
        {
            ordered.Watch(queue);
            return;
        }

        var wanted = pop.MaxMessages - popped.Count;
        if (wanted <= 0 || (!pop.IsOrdered && book.Checkpoints.IsFull))
        {
            popped.Rest += store.MaxOffset(stored) - offset;
            return;
        }

        var found = store.Get(stored, offset, wanted, MostBytes, filter);
        if (found.Status is GetStatus.OffsetTooSmall or GetStatus.OffsetOverflowBadly)
        {
            offset = found.NextOffset;
            offsets.Commit(queue, offset);
            found = store.Get(stored, offset, wanted, MostBytes, filter);
        }

        popped.Rest += found.MaxOffset - found.NextOffset;
        if (found.Status == GetStatus.Found)
        {
            Take(popped, pop, queue, offset, found);
        }
        else if (found.Status is GetStatus.NoMatchedMessage or GetStatus.MessageWasRemoving)
        {
            offsets.Commit(queue, found.NextOffset);
            popped.HasMore |= found.NextOffset > offset && found.MaxOffset > found.NextOffset;
        }
    }

    private void Take(Popped popped, PopCommand pop, GroupQueue queue, long offset, GetResult found)
    {
        var records = PoppedRecord.Split(found.Parts);
        long[] taken = [.. records.Select(record => RecordLayout.QueueOffset(record.Span))];
        var kind = ReceiptHandle.KindOf(queue.Topic);
        var key = new CheckpointKey(queue.Group, queue.Topic, queue.QueueId, offset, popped.PopTime);
        if (pop.IsOrdered)
        {
            var last = new OrderedPop(pop.AttemptId, popped.PopTime, pop.InvisibleTime, taken);
            book.SetOrdered(queue, last);
            ordered.Watch(queue);
            Count(popped, queue, kind, last);
            offsets.Commit(queue, offset);
        }
        else if (book.Checkpoints.TryAdd(new(key, pop.InvisibleTime, taken)))
        {
            book.NoteChange();
            offsets.Commit(queue, found.NextOffset);
        }
        else
        {
            // After a reset within the millisecond of another pop: it would take that one's place.
            popped.Rest += taken.Length;
            return;
        }

        popped.Offsets.Add(kind, queue.QueueId, offset, taken);
        var first = new ReceiptHandle(
            offset, popped.PopTime, pop.InvisibleTime, popped.ReviveQueueId, kind, brokerName, queue.QueueId, QueueOffset: 0);
        popped.Add(
            queue.Topic == pop.Topic
                ? found.Parts
                : records.Zip(taken, (record, at) => PoppedRecord.AsOf(pop.Topic, record, first with { QueueOffset = at })),
            taken.Length);
    }

    private static void Count(Popped popped, GroupQueue queue, PopTopicKind kind, OrderedPop pop)
    {
        foreach (var (offset, count) in pop.Counts)
        {
            popped.Offsets.AddCount(kind, queue.QueueId, offset, count);
        }

        // Those that are not counted were not popped before.
        popped.Offsets.AddCount(kind, queue.QueueId, pop.Counts.Count == pop.Offsets.Count ? pop.Counts.Values.Min() : 0);
    }

    /// <summary>Where the group goes on in a queue, from now on also by the offset others see.</summary>
    private long BeginOf(PopCommand pop, GroupQueue queue, TopicQueue stored)
    {
        if (offsets.TakeReset(queue) is { } reset)
        {
            book.ClearOrdered(queue);
            offsets.Commit(queue, reset);
            return reset;
        }

        if (offsets.Find(queue) is { } committed)
        {
            return committed;
        }

        // A queue that still has its very first message is begun there, whatever the group asks for.
        var min = store.MinOffset(stored);
        var begin = pop.FromFirst || SystemTopics.IsRetry(queue.Topic) || (min <= 0 && store.MaxOffset(stored) > 0)
            ? min
            : Math.Max(0, store.MaxOffset(stored) - 1);
        offsets.Commit(queue, begin);
        return begin;
    }
}
