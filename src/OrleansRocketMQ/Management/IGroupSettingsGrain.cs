using Orleans;
using Orleans.Concurrency;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Keeps what is paused and slowed down in a group, and tells its silos. Each silo makes itself known again and again; so
/// a silo that joins learns the settings, and settings that were lost with their storage are learned back from the
/// silos.
/// </summary>
[Alias("OrleansRocketMQ.IGroupSettingsGrain")]
internal interface IGroupSettingsGrain : IGrainWithStringKey
{
    /// <summary>A silo runs the group and wants to be told of changes.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="agent">Where to reach it.</param>
    /// <param name="known">The settings it knows; null when none yet.</param>
    /// <returns>The settings in force.</returns>
    [Alias("Join")]
    Task<FlowSettings> JoinAsync(string silo, IGroupAgent agent, FlowSettings? known);

    [Alias("Leave")]
    Task LeaveAsync(string silo);

    [AlwaysInterleave]
    [Alias("Get")]
    Task<FlowSettings> GetAsync();

    [Alias("Pause")]
    Task<FlowSettings> PauseAsync(ConsumerScope scope);

    [Alias("Resume")]
    Task<FlowSettings> ResumeAsync(ConsumerScope scope);

    [Alias("LimitRate")]
    Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond);

    /// <summary>What each silo that answers did.</summary>
    [AlwaysInterleave]
    [Alias("Describe")]
    Task<List<SiloReport>> DescribeAsync();
}

/// <summary>A group on one silo, as its settings grain reaches it.</summary>
[Alias("OrleansRocketMQ.IGroupAgent")]
internal interface IGroupAgent : IGrainObserver
{
    [Alias("Apply")]
    Task ApplyAsync(FlowSettings settings);

    /// <summary>Lets queues go on that stopped because of failures.</summary>
    [Alias("Recover")]
    Task RecoverAsync(ConsumerScope scope);

    [Alias("Describe")]
    Task<SiloReport> DescribeAsync();
}

/// <summary>What a silo tells of a group: counts by topic that can be added to those of other silos.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.SiloReport")]
internal sealed record SiloReport(
    [property: Id(0)] SiloConsumerStatus Status,
    [property: Id(1)] Dictionary<string, ConsumeTotals> Topics);
