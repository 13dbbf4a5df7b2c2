using System.Diagnostics.CodeAnalysis;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>
/// The queues that have work, in the order in which it is done: as they came or, by priority, first the one with the message of
/// the highest priority, where one in <see cref="PriorityOrder.OldestOnceIn"/> is the one that has stood there longest all
/// the same. Not thread-safe.
/// </summary>
internal sealed class QueueLine(bool byPriority)
{
    private readonly Queue<IDispatchedQueue> _queues = new();
    private int _turn;

    public void Enqueue(IDispatchedQueue queue) => _queues.Enqueue(queue);

    public bool TryDequeue([MaybeNullWhen(false)] out IDispatchedQueue queue)
    {
        if (byPriority && _queues.Count > 1 && (_turn = (_turn + 1) % PriorityOrder.OldestOnceIn) > 0)
        {
            BringHighestForward();
        }

        return _queues.TryDequeue(out queue);
    }

    /// <summary>Takes it out and turns the others once around, so that they stay as they stood.</summary>
    private void BringHighestForward()
    {
        var highest = _queues.MaxBy(static queue => queue.Runs.HighestPriority)!;
        var others = _queues.Count - 1;
        _queues.Enqueue(highest);
        var isFound = false;
        for (var moved = 0; moved <= others; moved++)
        {
            var queue = _queues.Dequeue();
            if (!isFound && queue == highest)
            {
                isFound = true;
                continue;
            }

            _queues.Enqueue(queue);
        }
    }
}
