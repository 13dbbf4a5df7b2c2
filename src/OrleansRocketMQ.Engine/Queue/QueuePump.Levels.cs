using System.Globalization;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>What the silo's meter tells of a queue, without the rest of its status.</summary>
internal sealed partial class QueuePump
{
    // Beyond the time a broker may keep a pull waiting; more than a loaded one needs.
    private static readonly TimeSpan LongestOverdue = TimeSpan.FromSeconds(5);
    // How much later than its time an answer to a pull may be.
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(15);
    // A loaded machine, retries and failures that are told of by themselves.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan FirstAnswerWait = TimeSpan.FromMilliseconds(200);

    private volatile bool _askFailed;
    private readonly QueueWatchdog _watchdog;
    private long _askedAt;
    private long _heardAt;
    // When the queue's work ended on the member it comes from, in ticks of UTC; 0 when that is not known.
    private readonly long _handedOverAt;
    private bool _tookOver;
    private long _idleSince;

    /// <summary>
    /// How many steps of the queue wait for its state, for room or for listeners; see <see cref="PullFlowController.Waits"/>.
    /// </summary>
    public int Waits => _pullFlow.Waits;

    /// <summary>When the queue's work ended here, in ticks of UTC; 0 while it has not.</summary>
    public long IdleSince => Volatile.Read(ref _idleSince);

    /// <summary>Whether it is known where the queue is, so that its levels mean something.</summary>
    public bool HasBegun => State.IsPositioned;

    /// <summary>Messages not yet consumed, as far as the last pull told; null when the broker has not told, or does not answer.</summary>
    public long? Lag => MaxOffset is >= 0 and var end && HasBegun ? Math.Max(0, end - Runs.Window.Watermark) : null;

    // What the window has no room for comes later anyway.
    public bool IsBehind => _pullFlow.Waits == 0
        && MaxOffset - Volatile.Read(ref _nextOffset) > Math.Max(Options.PullThresholdForQueue, Options.PullBatchSize);

    /// <summary>Whether the broker has not answered for longer than any answer may take.</summary>
    public bool IsUnheard => (_askFailed || Silence is not null) && _time.GetElapsedTime(Volatile.Read(ref _heardAt)) > LongestWait;

    // What was heard before a question failed says nothing about now.
    private long MaxOffset => _askFailed || Silence is not null ? -1 : Volatile.Read(ref _maxOffset);

    /// <summary>How long a pull waits for its answer, when that is longer than the broker may keep it waiting; else null.</summary>
    private TimeSpan? Silence
        => Volatile.Read(ref _askedAt) is not 0 and var asked && _time.GetElapsedTime(asked) is var silence && silence > LongestWait
            ? silence
            : null;

    private TimeSpan LongestWait => Options.PullSuspendTimeout + LongestOverdue;

    private bool HasFailed => State.IsHalted || Runs.Gate.Stopped is not null;

    private string Error => Runs.Gate.Broken?.Message ?? Runs.Gate.Stopped ?? (_retry.LastError ?? _lock?.Failure)?.Message
        ?? (Silence is { } silence
            ? string.Create(CultureInfo.InvariantCulture, $"The broker has not answered a pull for {silence.TotalSeconds:0} s.")
            : string.Empty);

    /// <summary>The broker has told where the queue ends.</summary>
    private void Hear(long maxOffset)
    {
        Volatile.Write(ref _maxOffset, maxOffset);
        Volatile.Write(ref _heardAt, _time.GetTimestamp());
        _askFailed = false;
    }

    /// <summary>A queue without news answers its first pull late. Where it ends is asked beside that, once.</summary>
    private async Task AskWhereItEndsAsync()
    {
        try
        {
            await Task.Delay(FirstAnswerWait, _time, _stopping.Token);
            if (Volatile.Read(ref _maxOffset) < 0)
            {
                var end = await _environment.Brokers.GetMaxOffsetAsync(MasterAddress(), Queue, _stopping.Token);
                Interlocked.CompareExchange(ref _maxOffset, end, -1);
            }
        }
        catch (Exception)
        {
            // It stays unknown until a pull is answered, whose failures are told.
        }
    }

    /// <summary>What the messages of one call to a listener may be together.</summary>
    public long MostBytesPerCall => _environment.MostBytesPerCall;

    /// <summary>Messages listeners work on.</summary>
    public long InFlight => _environment.Dispatcher.InFlightOf(this);

    /// <summary>What a health check asks: neither figures nor what the dispatcher knows are put together for it.</summary>
    public QueueLevel Level => new(Queue, HasBegun, Error, HasFailed, Moment(ref _lastPulledAt));

    /// <summary>The queue is about to pull. Tells how long it stood still between two silos; their clocks may differ a little.</summary>
    private void NotePull()
    {
        if (_tookOver)
        {
            return;
        }

        _tookOver = true;
        Track(AskWhereItEndsAsync());
        if (_handedOverAt > 0)
        {
            Statistics.Metrics?.TakenOver(TimeSpan.FromTicks(_time.GetUtcNow().Ticks - _handedOverAt));
        }
    }

    /// <summary>Another number whenever something was pulled or consumed.</summary>
    private long Moved => Volatile.Read(ref _lastPulledAt) + Volatile.Read(ref _lastConsumedAt) + Volatile.Read(ref _nextOffset);

    /// <summary>What the queue waits for takes no longer than this, unless something is wrong.</summary>
    private QueuePatience Patience => new(
        Listeners: Options.ConsumeTimeout + Margin, Pull: Options.PullSuspendTimeout + AnswerTimeout + Margin, Servers: Margin);

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
