namespace OrleansRocketMQ.Queues;

/// <summary>What the silo's meter tells of a queue, without the rest of its status.</summary>
internal sealed partial class QueuePump
{
    private bool _tookOver;
    private long _idleSince;

    /// <summary>When the queue's work ended on the silo it comes from, in ticks of UTC; 0 when that is not known.</summary>
    public long HandedOverAt { get; init; }

    /// <summary>When the queue's work ended here, in ticks of UTC; 0 while it has not.</summary>
    public long IdleSince => Volatile.Read(ref _idleSince);

    /// <summary>Whether it is known where the queue is, so that its levels mean something.</summary>
    public bool HasBegun => _nextOffset >= 0;

    /// <summary>Messages not yet consumed, as far as the last pull told.</summary>
    public long Lag => _maxOffset < 0 || _nextOffset < 0 ? 0 : Math.Max(0, _maxOffset - Runs.Window.Watermark);

    /// <summary>Messages listeners work on.</summary>
    public long InFlight => _consumer.Dispatcher.InFlightOf(this);

    /// <summary>What a health check asks: neither figures nor what the dispatcher knows are put together for it.</summary>
    public QueueLevel Level => new(Queue, HasBegun, _recovery.LastError?.Message ?? string.Empty, _recovery.IsHalted, Moment(ref _lastPulledAt));

    /// <summary>The queue is about to pull. Tells how long it stood still between two silos; their clocks may differ a little.</summary>
    private void NotePull()
    {
        if (_tookOver)
        {
            return;
        }

        _tookOver = true;
        if (HandedOverAt > 0)
        {
            Statistics.Metrics?.TakenOver(TimeSpan.FromTicks(_time.GetUtcNow().Ticks - HandedOverAt));
        }
    }

    /// <summary>The last listener has ended, or there was none at work.</summary>
    private void NoteIdle() => Volatile.Write(ref _idleSince, _time.GetUtcNow().Ticks);
}

/// <summary>How a queue fares, in short.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="HasBegun">Whether it is known where it is.</param>
/// <param name="LastError">What last went wrong with it; empty when nothing did.</param>
/// <param name="HasFailed">Whether it stands still until it is resumed.</param>
/// <param name="LastPulledAt">When the broker last answered a pull.</param>
internal sealed record QueueLevel(MessageQueue Queue, bool HasBegun, string LastError, bool HasFailed, DateTimeOffset? LastPulledAt);
