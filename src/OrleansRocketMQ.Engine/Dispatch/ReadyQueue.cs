using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>
/// The queues of a group that have work, and the slots that do it: <see cref="ConsumerOptions.ConsumeThreadMin"/> of them
/// always, more up to <see cref="ConsumerOptions.ConsumeThreadMax"/> when queues have to wait. Thread-safe.
/// </summary>
internal sealed class ReadyQueue(ConsumerOptions options, EngineRuntime runtime, ILogger logger)
{
    private readonly Channel<IDispatchedQueue> _line = Channel.CreateUnbounded<IDispatchedQueue>(
        new() { AllowSynchronousContinuations = false });
    private readonly Lock _gate = new();
    private readonly List<Task> _slots = [];
    private Func<int, Task>? _runSlot;

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
        // A slot that waits gets the queue handed over directly; where it stays in line, all slots are busy.
        if (!queue.Runs.TryEnterLine() || !_line.Writer.TryWrite(queue) || _line.Reader.Count == 0)
        {
            return;
        }

        lock (_gate)
        {
            if (_slots.Count > 0 && _slots.Count < options.ConsumeThreadMax)
            {
                OpenSlot();
            }
        }
    }

    /// <summary>The first queue of the line, once there is one; null when the slot is to end.</summary>
    public async ValueTask<IDispatchedQueue?> NextAsync()
    {
        try
        {
            return await _line.Reader.ReadAsync();
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    /// <summary>Closes the slots once they have ended what they do.</summary>
    public Task StopAsync()
    {
        _line.Writer.TryComplete();
        lock (_gate)
        {
            var slots = Task.WhenAll(_slots);
            _slots.Clear();
            return slots;
        }
    }

    private void OpenSlot()
    {
        var slot = _slots.Count;
        _slots.Add(runtime.Scheduler.StartLoop(
            $"slot {slot} of group {options.Group}", () => _runSlot!(slot), runtime.Time, logger, CancellationToken.None));
    }
}
