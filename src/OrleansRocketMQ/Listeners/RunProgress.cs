using System.Diagnostics;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// How far a run is; when it has ended, the next one is. Touched only in the turns of its grain, but for
/// <see cref="Renew"/>, which a listener calls where it likes.
/// </summary>
internal sealed class RunProgress(TimeProvider time) : IRenewable, IDisposable
{
    // Callers wait three seconds longer than listeners may take, so they need not hear of everything.
    private static readonly TimeSpan BetweenWords = TimeSpan.FromSeconds(1);

    private readonly IsolatedCancellation _cancellation = new(EngineScheduler.Pool);
    private ConsumeContext? _context;
    private LeasedRun? _leased;
    private DispatchBatch? _run;
    private long _renewedAt;
    private long _toldAt;

    /// <summary>What the listener gets: fires when its batch takes too long or the queue's time to stop is over.</summary>
    public CancellationToken Token => _cancellation.Token;

    public int Consumed { get; set; }

    /// <summary>How the listener is called.</summary>
    public CallPlan? Plan { get; set; }

    /// <summary>What the listener is told of the run, and tells of it.</summary>
    public ConsumeContext Context => _context!;

    /// <summary>The group's message trace; null when it has none.</summary>
    public MessageTrace? Trace { get; set; }

    /// <summary>The batch under way as it is traced; null when it is not.</summary>
    public TracedCall? Traced { get; set; }

    /// <summary>How many messages the batch under way has.</summary>
    public int Batch { get; set; }

    public List<ListenerFailure>? Failures { get; set; }

    /// <summary>What a run of leased messages holds.</summary>
    public LeasedRun Leased => _leased ??= new();

    public long RunBegan { get; set; }

    public long BatchBegan { get; set; }

    /// <summary>From when on the time of the batch under way counts: it began, or was renewed.</summary>
    public long TimeBegan => Math.Max(BatchBegan, Volatile.Read(ref _renewedAt));

    /// <summary>The activity of the batch under way, when there is one.</summary>
    public Activity? Span { get; set; }

    /// <summary>What the activities of the run's batches have in common; null while there is none.</summary>
    public ProcessTags? SpanTags { get; set; }

    public bool IsGivenUp { get; private set; }

    /// <summary>A run begins.</summary>
    /// <param name="run">The run.</param>
    /// <param name="abandon">Fires when nobody waits for it any more.</param>
    public void Begin(DispatchBatch run, CancellationToken abandon)
    {
        (Consumed, Failures, Span, SpanTags, _run) = (0, null, null, null, run);
        (_renewedAt, _toldAt) = (long.MinValue, long.MinValue);
        _context ??= new ConsumeContext(run.Group, run.Queue);
        _context.Begin(run.Group, run.Queue, run.Reading, this);
        _cancellation.Begin(abandon);
    }

    /// <inheritdoc/>
    public void Renew()
    {
        var now = time.GetTimestamp();
        Volatile.Write(ref _renewedAt, now);
        var told = Volatile.Read(ref _toldAt);
        if ((told == long.MinValue || time.GetElapsedTime(told, now) >= BetweenWords)
            && Interlocked.CompareExchange(ref _toldAt, now, told) == told)
        {
            _run?.Renew();
        }
    }

    /// <summary>The run has ended. False when the listener's token has fired, so that it is nobody else's.</summary>
    public bool TryEnd()
    {
        _run = null;
        return _cancellation.TryEnd();
    }

    /// <summary>
    /// The batch is done: its first messages succeeded, the others failed, and what the listener has said of single ones counts
    /// for these.
    /// </summary>
    /// <returns>Why the first of them failed; null when none did.</returns>
    public string? Take(long succeeded, ThrownError? thrown)
    {
        var errorType = succeeded >= Batch && !Context.HasOutcomes ? null : TakeFailed(succeeded, thrown);
        Consumed += Batch;
        return errorType;
    }

    private string? TakeFailed(long succeeded, ThrownError? thrown)
    {
        var before = Failures?.Count ?? 0;
        var errorType = thrown?.Type ?? (succeeded < Batch ? ErrorTypes.ReconsumeLater : null);
        var failed = (int)Math.Clamp(succeeded, 0, Batch);
        for (var index = Context.HasOutcomes ? 0 : failed; index < Batch; index++)
        {
            var place = Consumed + index;
            if (Context.OutcomeOf(_run!.Messages[place]) is { } said)
            {
                (Failures ??= []).Add(ListenerFailure.Of(place, said));
            }
            else if (index >= failed)
            {
                var level = Context.DelayLevelWhenNextConsume;
                (Failures ??= []).Add(thrown?.On(place, level) ?? new(place, level, null, errorType));
            }
        }

        return Failures?.Count > before ? Failures[before].ErrorType : errorType;
    }

    public void GiveUp()
    {
        IsGivenUp = true;
        _cancellation.Cancel();
    }

    public void Dispose() => _cancellation.Dispose();
}
