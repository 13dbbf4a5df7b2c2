using Orleans;

namespace OrleansRocketMQ.Allocation.Agreement;

/// <summary>
/// Sees to it that all silos share out the queues of a group by one rule, also while a roll brings another one: silos of two
/// rules would leave queues to nobody, and claim others twice.
/// </summary>
[Alias("OrleansRocketMQ.IAllocationAgreementGrain")]
internal interface IAllocationAgreementGrain : IGrainWithStringKey
{
    /// <summary>A silo runs the group; told again and again.</summary>
    // Asked again soon; one that is lost in a change of silos must not hold up a start.
    [ResponseTimeout("00:00:05")]
    [Alias("Join")]
    Task<AllocationAgreement> JoinAsync(AllocationMember member);

    [ResponseTimeout("00:00:05")]
    [Alias("Leave")]
    Task LeaveAsync(string silo);
}

/// <summary>What a silo tells of how it would share out the queues, and how it does.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.AllocationMember")]
internal sealed record AllocationMember
{
    [Id(0)]
    public required string Silo { get; init; }

    /// <summary>The fingerprint of the rule it is set to.</summary>
    [Id(1)]
    public required string Own { get; init; }

    /// <summary>What it goes by now; null at its start.</summary>
    [Id(2)]
    public RuleInForce? Following { get; init; }

    /// <summary>The fingerprint of a rule it was told and cannot go by, because it lacks the code.</summary>
    [Id(3)]
    public string? Unable { get; init; }

    /// <summary>The rules themselves; only when they were asked for, as they may be long.</summary>
    [Id(4)]
    public IReadOnlyList<AllocationRule> Rules { get; init; } = [];
}

/// <summary>The rule all silos go by.</summary>
/// <param name="Fingerprint">That of the rule.</param>
/// <param name="Version">Grows with each change.</param>
/// <param name="Since">When it came into force, in ticks of UTC.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.RuleInForce")]
internal sealed record RuleInForce([property: Id(0)] string Fingerprint, [property: Id(1)] long Version, [property: Id(2)] long Since)
{
    // Of two that are as new the older one: what silos go by already comes before what one that has just started would like.
    public bool Beats(RuleInForce? other) => other is null || Version > other.Version || (Version == other.Version && Since < other.Since);
}

/// <summary>The answer to a silo.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.AllocationAgreement")]
internal sealed record AllocationAgreement
{
    /// <summary>What to go by; null when the silo has to tell its rules first.</summary>
    [Id(0)]
    public RuleInForce? InForce { get; init; }

    /// <summary>The rule in force, when the silo is set to another and does not go by it yet.</summary>
    [Id(1)]
    public AllocationRule? Rule { get; init; }

    /// <summary>What silos are set to, in words, when that is not the same everywhere; else empty.</summary>
    [Id(2)]
    public string Difference { get; init; } = string.Empty;
}
