using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// Queues that are popped in order: what is done moves the group's offset, and when the last pop no longer blocks its queue, somebody
/// who waits is woken. Mirrors <c>ConsumerOrderInfoManager</c> and its <c>ConsumerOrderInfoLockManager</c>. Thread-safe.
/// </summary>
internal sealed class OrderedQueues(MessageStore store, OffsetTable offsets, PopBook book, PollHold pops, PollHold notifications)
{
    private readonly Dictionary<GroupQueue, long> _freeTimes = [];

    /// <summary>A queue was popped, and is free again at a time.</summary>
    public void Watch(GroupQueue queue)
    {
        lock (book.Gate)
        {
            if (book.FindOrdered(queue) is { } last)
            {
                _freeTimes[queue] = last.FreeTime(store.Now);
            }
        }
    }

    /// <summary>A message is done.</summary>
    /// <returns>False: it is none of the last pop.</returns>
    public bool TryAck(GroupQueue queue, long offset, long popTime)
    {
        lock (book.Gate)
        {
            if (offset < offsets.Find(queue))
            {
                return true;
            }

            var last = book.FindOrdered(queue);
            if (last is not null && last.PopTime != popTime)
            {
                // Somebody else has popped it since.
                return true;
            }

            if (last?.TryFinish(offset) == false)
            {
                return false;
            }

            if (!offsets.HasReset(queue))
            {
                offsets.Commit(queue, last?.NextOffset ?? offset + 1);
            }

            book.NoteChange();
        }

        Watch(queue);
        WakeFree();
        return true;
    }

    /// <summary>A message is to be seen again later, or earlier.</summary>
    /// <returns>Zeros when it is done already.</returns>
    public (long PopTime, long InvisibleTime) ChangeVisibleTime(GroupQueue queue, long offset, long popTime, long invisibleTime)
    {
        long time;
        lock (book.Gate)
        {
            if (offset < offsets.Find(queue))
            {
                return default;
            }

            time = store.Now + Math.Clamp(invisibleTime, 0, long.MaxValue / 2);
            if (book.FindOrdered(queue) is { } last && last.PopTime == popTime)
            {
                last.SetVisibleTime(offset, time);
                book.NoteChange();
            }
        }

        Watch(queue);
        return (popTime, time - popTime);
    }

    /// <summary>Wakes somebody for each queue that has become free.</summary>
    public void WakeFree()
    {
        List<GroupQueue> free;
        lock (book.Gate)
        {
            var now = store.Now;
            free = [.. _freeTimes.Where(pair => pair.Value <= now).Select(pair => pair.Key)];
            free.ForEach(queue => _freeTimes.Remove(queue));
        }

        foreach (var queue in free.Where(queue => store.MaxOffset(new(queue.Topic, queue.QueueId)) > (offsets.Find(queue) ?? 0)))
        {
            if (!pops.WakeOne(queue.Topic, queue.Group, -1))
            {
                pops.WakeOne(queue.Topic, queue.Group, queue.QueueId);
            }

            notifications.WakeEach(queue.Topic, queue.QueueId);
        }
    }
}
