namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>
/// A queue that is popped may be popped by several members at once: the broker gives each other messages. Where a group has more
/// members than a topic has queues, each queue is shared out several times, under names of their own: the queue itself, and
/// further shares of it with ids below zero. They are allocated, placed and told of like queues.
/// </summary>
internal static class QueueShare
{
    private const int Width = 1 << 16;

    /// <summary>A share of a queue; 0 is the queue itself.</summary>
    public static MessageQueue Of(MessageQueue queue, int number)
        => number == 0 ? queue : queue with { QueueId = -((number * Width) + queue.QueueId) };

    /// <summary>The queue a share is of.</summary>
    public static MessageQueue QueueOf(MessageQueue share) => share.QueueId >= 0 ? share : share with { QueueId = -share.QueueId % Width };

    /// <summary>Whether it is a share beside the queue itself.</summary>
    public static bool IsFurther(MessageQueue share) => share.QueueId < 0;

    /// <summary>The queues of a topic, and as many shares of those that are popped that each member can have one.</summary>
    /// <param name="queues">The queues.</param>
    /// <param name="members">How many members there are.</param>
    /// <param name="pops">Whether a queue is popped.</param>
    public static IReadOnlyList<MessageQueue> Divide(IReadOnlyList<MessageQueue> queues, int members, Func<MessageQueue, bool?> pops)
    {
        if (members <= queues.Count || queues.Count == 0)
        {
            return queues;
        }

        var shares = (members + queues.Count - 1) / queues.Count;
        return [.. queues.SelectMany(queue => Enumerable.Range(0, pops(queue) is true ? shares : 1).Select(number => Of(queue, number)))];
    }
}
