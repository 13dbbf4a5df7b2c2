using System.Collections.Concurrent;

namespace OrleansRocketMQ.Flow;

/// <summary>
/// What is paused and slowed down in one group on this silo: by its cluster-wide settings, and by settings of this silo
/// alone. Keeps the gate of each queue that runs here up to date. Until the cluster's settings are known everything is
/// paused, so that a silo that joins a paused group does not begin. Thread-safe.
/// </summary>
internal sealed class GroupFlow(TimeProvider time) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<MessageQueue, QueueGate> _queues = new();
    private readonly Dictionary<string, TopicRate> _rates = new(StringComparer.Ordinal);
    private Func<string, double> _shareOf = static _ => 1;
    private FlowSettings? _cluster;
    private FlowSettings _local = FlowSettings.None;
    private bool _disposed;

    /// <summary>Queues may have become free to go on; on any thread.</summary>
    public event Action<Func<MessageQueue, bool>>? Opened;

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
    public FlowSettings? Cluster
    {
        get
        {
            lock (_gate)
            {
                return _cluster;
            }
        }
    }

    /// <summary>The gate of a queue that starts here.</summary>
    public QueueGate Open(MessageQueue queue)
    {
        lock (_gate)
        {
            var gate = _queues.GetOrAdd(queue, static _ => new QueueGate());
            Set(queue, gate);
            return gate;
        }
    }

    public void Close(MessageQueue queue) => _queues.TryRemove(queue, out _);

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
            Refresh();
        }

        Opened?.Invoke(static _ => true);
    }

    /// <summary>Changes the settings of this silo alone.</summary>
    public void ChangeLocal(Func<FlowSettings, FlowSettings> change)
    {
        lock (_gate)
        {
            _local = change(_local);
            if (!_disposed)
            {
                Refresh();
            }
        }

        Opened?.Invoke(static _ => true);
    }

    /// <summary>Sets how large a part of a topic's queues this silo has, 0 to 1; a cluster's limit is split in that proportion.</summary>
    public void Share(Func<string, double> shareOf)
    {
        lock (_gate)
        {
            _shareOf = shareOf;
            if (!_disposed)
            {
                Refresh();
            }
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
        foreach (var (queue, gate) in _queues)
        {
            Set(queue, gate);
        }
    }

    private void Set(MessageQueue queue, QueueGate gate)
        => gate.Set(_cluster?.IsPaused(queue) is not false || _local.IsPaused(queue), RateOf(queue.Topic));

    private TopicRate? RateOf(string topic)
    {
        var limit = double.PositiveInfinity;
        if (_cluster is not null && _cluster.RateLimits.TryGetValue(topic, out var forAll))
        {
            // A share of nothing would never let a queue begin that has just come; its silo learns its share in a moment.
            limit = forAll * Math.Max(_shareOf(topic), 0.001);
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
