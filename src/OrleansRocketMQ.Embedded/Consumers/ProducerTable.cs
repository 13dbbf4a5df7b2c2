using OrleansRocketMQ.Embedded.Serving;

namespace OrleansRocketMQ.Embedded.Consumers;

/// <summary>
/// The producer groups that are online; the broker asks them what became of a transaction. Mirrors <c>ProducerManager</c>.
/// Thread-safe.
/// </summary>
internal sealed class ProducerTable(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Dictionary<ClientPeer, long>> _groups = new(StringComparer.Ordinal);

    public void Register(string group, ClientPeer peer)
    {
        lock (_gate)
        {
            if (!_groups.TryGetValue(group, out var members))
            {
                _groups[group] = members = [];
            }

            members[peer] = time.GetTimestamp();
        }
    }

    public void Unregister(string group, ClientPeer peer)
    {
        lock (_gate)
        {
            if (_groups.TryGetValue(group, out var members) && members.Remove(peer) && members.Count == 0)
            {
                _groups.Remove(group);
            }
        }
    }

    public void Leave(ClientPeer peer)
    {
        lock (_gate)
        {
            foreach (var group in _groups.Keys.ToArray())
            {
                if (_groups[group].Remove(peer) && _groups[group].Count == 0)
                {
                    _groups.Remove(group);
                }
            }
        }
    }

    /// <summary>Any member of the group, or null.</summary>
    public ClientPeer? AnyOf(string group)
    {
        lock (_gate)
        {
            return _groups.TryGetValue(group, out var members)
                ? members.Keys.FirstOrDefault(peer => peer.Connection.IsUsable)
                : null;
        }
    }

    /// <summary>Takes out members that have been silent for too long.</summary>
    /// <returns>The connections to close.</returns>
    public IReadOnlyList<ClientPeer> TakeSilent(TimeSpan expiry)
    {
        lock (_gate)
        {
            var silent = _groups.Values
                .SelectMany(members => members.Where(pair => time.GetElapsedTime(pair.Value) > expiry).Select(pair => pair.Key))
                .Distinct()
                .ToArray();
            foreach (var group in _groups.Keys.ToArray())
            {
                foreach (var peer in silent)
                {
                    _groups[group].Remove(peer);
                }

                if (_groups[group].Count == 0)
                {
                    _groups.Remove(group);
                }
            }

            return silent;
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _groups.Clear();
        }
    }
}
