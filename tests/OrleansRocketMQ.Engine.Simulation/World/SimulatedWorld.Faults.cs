namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>Which faults last now, and brokers that take requests and answer none.</summary>
internal sealed partial class SimulatedWorld
{
    /// <summary>How long a request without an answer takes that is made for a broker as a whole.</summary>
    public static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(6);

    /// <summary>Whether a broker answers nothing now.</summary>
    public bool IsSilent(string broker)
        => _faults[(int)FaultKind.BrokerSilent].Length > 0
            && Queues.Any(queue => queue.Id.BrokerName == broker && IsActive(FaultKind.BrokerSilent, queue.Index));

    /// <summary>Tells a broker of a member and its group.</summary>
    public async Task HeartbeatAsync(string broker)
    {
        await Time.Delay(TimeSpan.FromMilliseconds(2));
        if (IsSilent(broker))
        {
            Struck(FaultKind.BrokerSilent, Queues.First(queue => queue.Id.BrokerName == broker).Index);
            await LoseAsync(FaultKind.BrokerSilent, RequestTimeout, CancellationToken.None);
        }
    }

    /// <summary>Whether a fault lasts now.</summary>
    public bool IsActive(FaultKind kind, int target)
    {
        bool IsNow(Fault fault, long now)
            => fault.Target % Queues.Count == target && fault.At.Ticks <= now && now < fault.Until.Ticks;
        if (IsHealed)
        {
            return false;
        }

        var now = Time.Now;
        foreach (var fault in _faults[(int)kind])
        {
            if (IsNow(fault, now))
            {
                return true;
            }
        }

        foreach (var fault in _begun)
        {
            if (fault.Kind == kind && IsNow(fault, now))
            {
                return true;
            }
        }

        return false;
    }

    private static Fault[][] ByKind(IReadOnlyList<Fault> faults)
        => [.. Enum.GetValues<FaultKind>().Select(kind => faults.Where(fault => fault.Kind == kind && fault.When is null).ToArray())];
}
