namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>When faults struck last that a check must bear with, in ticks of the run.</summary>
internal sealed class Trouble
{
    private const long Never = long.MinValue / 2;

    private readonly Dictionary<int, long> _refused = [];
    private readonly Dictionary<int, long> _storage = [];
    private readonly Dictionary<string, long> _away = new(StringComparer.Ordinal);

    /// <summary>When a broker last did not answer what its offset store was told or asked.</summary>
    public long StoreAway { get; private set; } = Never;

    /// <summary>Whether the storage of records has done all it was asked, at once, and no member has stood still.</summary>
    public bool IsStorageSound { get; private set; } = true;

    /// <summary>When a listener was last not reached, or did not end.</summary>
    public long ListenersAway { get; private set; } = Never;

    /// <summary>When a broker last did not answer anything.</summary>
    public long BrokerAwayOf(string broker) => _away.GetValueOrDefault(broker, Never);

    /// <summary>When the storage of records last did not do at once what it was asked of a queue.</summary>
    public long Storage(int queue) => _storage.GetValueOrDefault(queue, Never);

    /// <summary>When what was told of a queue was last refused.</summary>
    public long StoreRefused(int queue) => _refused.GetValueOrDefault(queue, Never);

    public void Note(FaultKind kind, int target, long now)
    {
        switch (kind)
        {
            case FaultKind.StoreRefused:
                _refused[target] = now;
                break;
            case FaultKind.BrokerAway or FaultKind.BrokerSilent or FaultKind.BrokerRestart:
                StoreAway = now;
                _away[SimulatedWorld.BrokerOf(target % (Setup.Queues + 1))] = now;
                break;
            case FaultKind.ListenerUnreachable or FaultKind.ListenerGone or FaultKind.ListenerLeaves or FaultKind.ListenerHangs
                or FaultKind.ListenerHoldsThread or FaultKind.ListenerIgnoresToken or FaultKind.ListenerCallbackThrows:
                ListenersAway = now;
                break;
            case FaultKind.StoreSlow or FaultKind.StoreWriteLost or FaultKind.StoreAnswerLost or FaultKind.StoreWriteLate
                or FaultKind.StoreUnreadable:
                StoreAway = now;
                break;
            case FaultKind.StorageSlow or FaultKind.StorageRefused or FaultKind.StorageHangs or FaultKind.StorageAnswerLost
                or FaultKind.StorageForgets or FaultKind.Standstill:
                IsStorageSound = false;
                _storage[target] = now;
                break;
        }
    }
}
