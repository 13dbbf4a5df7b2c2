using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Locks;

/// <summary>
/// Which client holds which queue for a group; a lock not renewed in time is anybody's. Mirrors
/// <c>RebalanceLockManager</c>. Thread-safe.
/// </summary>
internal sealed class QueueLockTable(TimeSpan expiry, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Group, QueueKey Queue), (string ClientId, long RenewedAt)> _locks = [];

    /// <summary>Locks, or renews, what is free or held by the client already.</summary>
    /// <returns>Those of the queues the client now holds.</returns>
    public IReadOnlyList<QueueKey> TryLock(string group, IEnumerable<QueueKey> queues, string clientId)
    {
        var held = new List<QueueKey>();
        lock (_gate)
        {
            foreach (var queue in queues)
            {
                if (!_locks.TryGetValue((group, queue), out var present) || present.ClientId == clientId || IsExpired(present.RenewedAt))
                {
                    _locks[(group, queue)] = (clientId, time.GetTimestamp());
                    held.Add(queue);
                }
            }
        }

        return held;
    }

    public void Unlock(string group, IEnumerable<QueueKey> queues, string clientId)
    {
        lock (_gate)
        {
            foreach (var queue in queues)
            {
                if (_locks.TryGetValue((group, queue), out var present) && present.ClientId == clientId)
                {
                    _locks.Remove((group, queue));
                }
            }
        }
    }

    /// <summary>Whether the group holds any lock in force, by which RocketMQ tells an orderly group.</summary>
    public bool HasAny(string group)
    {
        lock (_gate)
        {
            return _locks.Any(pair => pair.Key.Group == group && !IsExpired(pair.Value.RenewedAt));
        }
    }

    /// <summary>The holder of a lock in force, or null.</summary>
    public string? HolderOf(string group, QueueKey queue)
    {
        lock (_gate)
        {
            return _locks.TryGetValue((group, queue), out var present) && !IsExpired(present.RenewedAt) ? present.ClientId : null;
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _locks.Clear();
        }
    }

    private bool IsExpired(long renewedAt) => time.GetElapsedTime(renewedAt) > expiry;
}
