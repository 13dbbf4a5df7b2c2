using System.Collections.Concurrent;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>Members of this cluster that are about to leave, though neither brokers nor Orleans say so yet. Thread-safe.</summary>
internal sealed class LeavingMembers
{
    private readonly ConcurrentDictionary<string, byte> _leaving = new(StringComparer.Ordinal);
    private int _count;

    /// <summary>One has begun to leave, or has come back.</summary>
    public event Action? Changed;

    public IReadOnlyCollection<string> All => (IReadOnlyCollection<string>)_leaving.Keys;

    public bool Any => Volatile.Read(ref _count) > 0;

    /// <summary>Another silo of this cluster is about to leave.</summary>
    public void Note(string clientId)
    {
        if (_leaving.TryAdd(clientId, 0))
        {
            Interlocked.Increment(ref _count);
            Changed?.Invoke();
        }
    }

    /// <summary>Members that left and came back, or were stopped and started again, do not leave any more.</summary>
    public void NoteHere(string clientId)
    {
        if (_leaving.TryRemove(clientId, out _))
        {
            Interlocked.Decrement(ref _count);
            Changed?.Invoke();
        }
    }

    /// <summary>Those the brokers do not list any more have left; should they come back they are welcome.</summary>
    public void NoteListed(IReadOnlySet<string> clientIds)
    {
        foreach (var clientId in _leaving.Keys.Where(clientId => !clientIds.Contains(clientId)))
        {
            if (_leaving.TryRemove(clientId, out _))
            {
                Interlocked.Decrement(ref _count);
            }
        }
    }
}
