using System.Collections.Concurrent;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Flow;

/// <summary>
/// What is paused and slowed down in one group on this silo: by its cluster-wide settings, and by settings of this silo
/// alone. Thread-safe.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="hasBreakers">Whether the group has circuit breakers; what is remembered of them does not count else.</param>
internal sealed class GroupFlowControl(TimeProvider time, bool hasBreakers = false) : IDisposable
{
    private readonly Lock _gate = new();
    private FlowSettings? _cluster;
    private FlowSettings _local = FlowSettings.None;
    private IReadOnlyList<BreakerStatus>? _own;
    private bool _disposed;

    /// <summary>The gates of the queues that run here.</summary>
    public GroupGates Gates { get; } = new(time);

    /// <summary>
    /// Queues that error rules have stopped here, or where they were before they came here, and of which the cluster has not been
    /// told yet: <see cref="Cluster"/> says nothing of them.
    /// </summary>
    public ConcurrentDictionary<MessageQueue, StoppedQueue> UntoldStops { get; } = new();

    /// <summary>The settings of this silo alone.</summary>
    public FlowSettings Local
    {
        get
        {
            lock (_gate)
            {
                return _local;
            }
        }
    }

    /// <summary>The cluster's settings; null until they are known.</summary>
    // Asked for each run of each listener.
    public FlowSettings? Cluster => Volatile.Read(ref _cluster);

    /// <summary>The stop of a queue that starts here, where the cluster may not know of it.</summary>
    public QueueStop? UntoldStopOf(MessageQueue queue) => UntoldStops.TryGetValue(QueueShare.QueueOf(queue), out var stop)
        ? new(stop.Queue, stop.MessageId, stop.Offset, stop.Reason)
        : null;

    /// <summary>Takes over the cluster's settings, unless newer ones are known.</summary>
    public void Apply(FlowSettings cluster)
    {
        lock (_gate)
        {
            if (_disposed || (_cluster is not null && cluster.Version <= _cluster.Version))
            {
                return;
            }

            _cluster = cluster;
            Tell();
        }

        Gates.TellOpened();
    }

    /// <summary>
    /// Circuit breakers as this silo has decided alone, while nobody can be asked; they count in the place of the cluster's. Null: the
    /// cluster's count.
    /// </summary>
    public void DecideAlone(IReadOnlyList<BreakerStatus>? breakers)
    {
        lock (_gate)
        {
            _own = breakers;
            Tell();
        }

        Gates.TellOpened();
    }

    /// <summary>Changes the settings of this silo alone.</summary>
    public void ChangeLocal(Func<FlowSettings, FlowSettings> change)
    {
        lock (_gate)
        {
            _local = change(_local);
            Tell();
        }

        Gates.TellOpened();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        Gates.Dispose();
    }

    /// <summary>The group's circuit breakers that are not closed.</summary>
    public IReadOnlyList<BreakerStatus> Breakers
    {
        get
        {
            lock (_gate)
            {
                return BreakersLocked;
            }
        }
    }

    private IReadOnlyList<BreakerStatus> BreakersLocked => hasBreakers ? _own ?? _cluster?.Breakers ?? [] : [];

    private void Tell() => Gates.Set(
        _cluster is null ? FlowRules.Paused : hasBreakers ? WithBreakers(_cluster, BreakersLocked) : RulesOf(_cluster),
        RulesOf(_local));

    private static FlowRules WithBreakers(FlowSettings settings, IReadOnlyList<BreakerStatus> breakers) => new(
        queue => settings.IsPaused(queue) || breakers.Any(breaker => !breaker.IsTrial && breaker.Contains(queue.Topic)),
        settings.RateLimits)
    {
        StopOf = StopOf(settings),
        TrialLimitOf = topic => breakers.FirstOrDefault(breaker => breaker.IsTrial && breaker.Contains(topic))?.TrialRate,
    };

    private static FlowRules RulesOf(FlowSettings settings) => new(settings.IsPaused, settings.RateLimits) { StopOf = StopOf(settings) };

    private static Func<MessageQueue, string?> StopOf(FlowSettings settings) => queue => settings.StopOf(queue)?.ToString();
}
