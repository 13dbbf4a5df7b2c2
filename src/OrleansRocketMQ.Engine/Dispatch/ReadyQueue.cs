using System.Threading.Tasks.Sources;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>
/// The queues of a group that have work, and the slots that do it: <see cref="ConsumerOptions.ConsumeThreadMin"/> of them
/// always, more up to <see cref="ConsumerOptions.ConsumeThreadMax"/> when queues have to wait. Thread-safe.
/// </summary>
internal sealed class ReadyQueue(ConsumerOptions options, EngineRuntime runtime, ILogger logger, bool byPriority = false)
{
    private readonly Lock _gate = new();
    private readonly QueueLine _line = new(byPriority);

    // The one that was free last serves next: where few are needed the others, and their listeners, are left alone, and what is
    // used is at hand.
    private readonly Stack<FreeSlot> _free = new();
    private readonly Stack<FreeSlot> _spare = new();
    private readonly List<Task> _slots = [];
    private Func<int, Task>? _runSlot;
    private bool _ended;

    /// <summary>Opens the slots that are always kept ready.</summary>
    /// <param name="runSlot">What a slot does, given its number, until <see cref="NextAsync"/> tells it to end.</param>
    public void Start(Func<int, Task> runSlot)
    {
        lock (_gate)
        {
            _runSlot = runSlot;
            while (_slots.Count < options.ConsumeThreadMin)
            {
                OpenSlot();
            }
        }
    }

    /// <summary>Puts a queue that has messages in line, unless it stands there already.</summary>
    public void Signal(IDispatchedQueue queue)
    {
        if (!queue.Runs.TryEnterLine())
        {
            return;
        }

        FreeSlot? slot;
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            if (!_free.TryPop(out slot))
            {
                _line.Enqueue(queue);
                if (_slots.Count > 0 && _slots.Count < options.ConsumeThreadMax)
                {
                    OpenSlot();
                }
            }
        }

        slot?.Serve(queue);
    }

    /// <summary>The first queue of the line, once there is one; null when the slot is to end. To be awaited once.</summary>
    public ValueTask<IDispatchedQueue?> NextAsync()
    {
        lock (_gate)
        {
            if (_line.TryDequeue(out var queue))
            {
                return new(queue);
            }

            if (_ended)
            {
                return new((IDispatchedQueue?)null);
            }

            if (!_spare.TryPop(out var slot))
            {
                slot = new FreeSlot(this);
            }

            _free.Push(slot);
            return slot.WaitAsync();
        }
    }

    /// <summary>Closes the slots once they have ended what they do.</summary>
    public Task StopAsync()
    {
        FreeSlot[] free;
        Task slots;
        lock (_gate)
        {
            _ended = true;
            free = [.. _free];
            _free.Clear();
            slots = Task.WhenAll(_slots);
            _slots.Clear();
        }

        foreach (var slot in free)
        {
            slot.Serve(null);
        }

        return slots;
    }

    private void OpenSlot()
    {
        var slot = _slots.Count;
        _slots.Add(runtime.Scheduler.StartLoop(
            $"slot {slot} of group {options.Group}", () => _runSlot!(slot), runtime.Time, logger, CancellationToken.None));
    }

    private void Spare(FreeSlot slot)
    {
        lock (_gate)
        {
            _spare.Push(slot);
        }
    }

    /// <summary>A slot that waits for a queue; the object is used for another wait when that one has been told.</summary>
    private sealed class FreeSlot(ReadyQueue line) : IValueTaskSource<IDispatchedQueue?>
    {
        // Who tells of a queue does not serve it.
        private ManualResetValueTaskSourceCore<IDispatchedQueue?> _core = new() { RunContinuationsAsynchronously = true };

        public ValueTask<IDispatchedQueue?> WaitAsync() => new(this, _core.Version);

        public void Serve(IDispatchedQueue? queue) => _core.SetResult(queue);

        IDispatchedQueue? IValueTaskSource<IDispatchedQueue?>.GetResult(short token)
        {
            var queue = _core.GetResult(token);
            _core.Reset();
            line.Spare(this);
            return queue;
        }

        ValueTaskSourceStatus IValueTaskSource<IDispatchedQueue?>.GetStatus(short token) => _core.GetStatus(token);

        void IValueTaskSource<IDispatchedQueue?>.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
            => _core.OnCompleted(continuation, state, token, flags);
    }
}
