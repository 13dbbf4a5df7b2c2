using Orleans;

namespace OrleansRocketMQ;

/// <summary>A group on one silo at one moment.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SiloConsumerStatus")]
public sealed record SiloConsumerStatus
{
    /// <summary>The silo's address: what <c>SiloAddress.ToParsableString()</c> says.</summary>
    [Id(0)]
    public required string Silo { get; init; }

    /// <summary>Its client id at the brokers.</summary>
    [Id(1)]
    public required string ClientId { get; init; }

    /// <summary>How long the group has been running there.</summary>
    [Id(2)]
    public TimeSpan Uptime { get; init; }

    /// <summary>How often the allocation of the group's queues has changed, as that silo saw it.</summary>
    [Id(3)]
    public long Rebalances { get; init; }

    /// <summary>Queues that run there.</summary>
    [Id(4)]
    public int AssignedQueues { get; init; }

    /// <summary>Whether an operator has taken its queues of this group away.</summary>
    [Id(6)]
    public bool IsDrained { get; init; }

    /// <summary>What was consumed there.</summary>
    [Id(5)]
    public ConsumeFigures Figures { get; init; } = ConsumeFigures.None;
}
