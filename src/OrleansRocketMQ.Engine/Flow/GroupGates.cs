using System.Collections.Concurrent;
using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Flow;

/// <summary>What somebody wants of a group's queues: which are paused, and how many messages per second topics may have.</summary>
/// <param name="IsPaused">Whether a queue is paused.</param>
/// <param name="RateLimits">Messages per second by topic.</param>
internal sealed record FlowRules(Func<MessageQueue, bool> IsPaused, IReadOnlyDictionary<string, double> RateLimits)
{
    /// <summary>Messages per second of a topic while a circuit breaker tries it; null for a topic that none tries.</summary>
    public Func<string, double?>? TrialLimitOf { get; init; }

    /// <summary>Why an error rule has stopped a queue, wherever it was; null for one that none has.</summary>
    public Func<MessageQueue, string?> StopOf { get; init; } = static _ => null;

    private static readonly Dictionary<string, double> NoLimits = [];

    /// <summary>Everything goes.</summary>
    public static FlowRules Open { get; } = new(static _ => false, NoLimits);

    /// <summary>Everything is paused.</summary>
    public static FlowRules Paused { get; } = new(static _ => true, NoLimits);
}

/// <summary>
/// Keeps the gate of each queue of a group that runs on this member up to date with two rules: that of the whole cluster,
/// whose limits are split by the part of a topic's queues the member has, and that of this member alone. A queue is paused
/// when either says so, and the lower rate holds. Until the cluster's rules are known everything is paused, so that a member
/// that joins a paused group does not begin. Thread-safe.
/// </summary>
internal sealed class GroupGates(TimeProvider time) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<MessageQueue, DispatchGate> _queues = new();
    private readonly Dictionary<string, TopicRate> _rates = new(StringComparer.Ordinal);
    private Func<string, double> _shareOf = static _ => 1;
    private FlowRules _cluster = FlowRules.Paused;
    private FlowRules _local = FlowRules.Open;
    private bool _disposed;

    /// <summary>Queues may have become free to go on; on any thread.</summary>
    public event Action<Func<MessageQueue, bool>>? Opened;

    /// <summary>An error rule has stopped a queue here; on the thread of what it failed on.</summary>
    public event Action<QueueStop>? Stopped;

    /// <summary>The gate of a queue that starts here.</summary>
    public DispatchGate Open(MessageQueue queue)
    {
        lock (_gate)
        {
            var gate = _queues.GetOrAdd(queue, _ => new DispatchGate { OnStop = stop => Stopped?.Invoke(stop) });
            Set(queue, gate);
            return gate;
        }
    }

    public void Close(MessageQueue queue) => _queues.TryRemove(queue, out _);

    /// <summary>Sets the rules; <see cref="TellOpened"/> is to follow when no lock is held.</summary>
    public void Set(FlowRules cluster, FlowRules local)
    {
        lock (_gate)
        {
            (_cluster, _local) = (cluster, local);
            Refresh();
        }
    }

    /// <summary>Tells that queues may go on.</summary>
    public void TellOpened() => Opened?.Invoke(static _ => true);

    /// <summary>Sets how large a part of a topic's queues this member has, 0 to 1; a cluster's limit is split in that proportion.</summary>
    public void Share(Func<string, double> shareOf)
    {
        lock (_gate)
        {
            _shareOf = shareOf;
            Refresh();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var rate in _rates.Values)
            {
                rate.Dispose();
            }

            _rates.Clear();
        }
    }

    private void Refresh()
    {
        if (_disposed)
        {
            return;
        }

        foreach (var (queue, gate) in _queues)
        {
            Set(queue, gate);
        }
    }

    private void Set(MessageQueue queue, DispatchGate gate)
    {
        var source = QueueShare.QueueOf(queue);
        gate.Set(_cluster.IsPaused(source) || _local.IsPaused(source), RateOf(queue.Topic), _cluster.StopOf(source));
    }

    private TopicRate? RateOf(string topic)
    {
        var limit = double.PositiveInfinity;
        if (_cluster.RateLimits.TryGetValue(topic, out var forAll))
        {
            limit = forAll;
        }

        if (_cluster.TrialLimitOf?.Invoke(topic) is { } trial)
        {
            limit = Math.Min(limit, trial);
        }

        if (double.IsFinite(limit))
        {
            // A share of nothing would never let a queue begin that has just come; its member learns its share in a moment.
            limit *= Math.Max(_shareOf(topic), 0.001);
        }

        if (_local.RateLimits.TryGetValue(topic, out var here))
        {
            limit = Math.Min(limit, here);
        }

        if (double.IsPositiveInfinity(limit))
        {
            if (_rates.Remove(topic, out var former))
            {
                former.Dispose();
            }

            return null;
        }

        if (_rates.TryGetValue(topic, out var rate))
        {
            if (rate.PerSecond != limit)
            {
                rate.Change(limit);
            }
        }
        else
        {
            _rates[topic] = rate = new TopicRate(limit, time, () => Opened?.Invoke(queue => queue.Topic == topic));
        }

        return rate;
    }
}
