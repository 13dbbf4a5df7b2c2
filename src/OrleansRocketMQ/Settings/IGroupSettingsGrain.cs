using Orleans;
using Orleans.CodeGeneration;
using Orleans.Concurrency;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Keeps what is paused, slowed down and pinned in a group, and tells its silos. Each silo makes itself known again and again; so
/// a silo that joins learns the settings, and settings that were lost with their storage are learned back from the
/// silos.
/// </summary>
[Alias("OrleansRocketMQ.IGroupSettingsGrain")]
[Version(1)]
internal interface IGroupSettingsGrain : IGrainWithStringKey
{
    /// <summary>A silo runs the group and wants to be told of changes.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="agent">Where to reach it.</param>
    /// <param name="known">The settings it knows; null when none yet.</param>
    /// <returns>The settings in force.</returns>
    [Alias("Join")]
    Task<GroupSettings> JoinAsync(string silo, IGroupAgent agent, GroupSettings? known);

    /// <summary>
    /// As <see cref="JoinAsync"/> for a silo that knows settings: tells their versions only, since they are mostly the
    /// same.
    /// </summary>
    /// <returns>The settings in force; null when they have those versions.</returns>
    [Alias("JoinWithVersions")]
    Task<GroupSettings?> JoinWithVersionsAsync(string silo, IGroupAgent agent, long flow, long placement);

    [Alias("Leave")]
    Task LeaveAsync(string silo);

    [AlwaysInterleave]
    [Alias("Get")]
    Task<GroupSettings> GetAsync();

    [Alias("Pause")]
    Task<FlowSettings> PauseAsync(ConsumerScope scope);

    [Alias("Resume")]
    Task<FlowSettings> ResumeAsync(ConsumerScope scope);

    [Alias("LimitRate")]
    Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond);

    /// <summary>A part of the group is about to be moved: a new reading of its queues begins.</summary>
    [Alias("MarkSeek")]
    Task<FlowSettings> MarkSeekAsync(ConsumerScope scope, bool effectsAgain);

    /// <summary>Wants a queue on a silo, or, of null, where the strategy wants it.</summary>
    [Alias("Pin")]
    Task<GroupSettings> PinAsync(MessageQueue queue, string? silo);

    /// <summary>Wants no queues on a silo.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="members">All silos that run the group.</param>
    /// <exception cref="ConsumerStateException">No other of them could have the queues.</exception>
    [Alias("Drain")]
    Task<GroupSettings> DrainAsync(string silo, IReadOnlyList<string> members);

    [Alias("Restore")]
    Task<GroupSettings> RestoreAsync(string silo);

    /// <summary>What each silo that answers did.</summary>
    [AlwaysInterleave]
    [Alias("Describe")]
    Task<List<SiloReport>> DescribeAsync();

    /// <summary>An error rule has stopped a queue: it stands still wherever it goes.</summary>
    [Alias("StopQueue")]
    Task StopQueueAsync(StoppedQueue stop);

    /// <summary>A stop that came too late: its queue was resumed before.</summary>
    [Alias("LiftStop")]
    Task LiftStopAsync(StoppedQueue stop);

    /// <summary>A silo tells how messages fared since it last told, and when circuit breakers open.</summary>
    /// <param name="outcomes">How messages fared.</param>
    /// <param name="settings">When circuit breakers open.</param>
    /// <param name="decided">Those that the silo has opened by itself, while this grain was away.</param>
    [Alias("ReportOutcomes")]
    Task ReportOutcomesAsync(List<TopicOutcomes> outcomes, BreakerSettings settings, List<BreakerStatus> decided);
}

/// <summary>How messages of a topic fared.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Succeeded">Messages that succeeded.</param>
/// <param name="Failed">Messages that failed.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.TopicOutcomes")]
internal sealed record TopicOutcomes([property: Id(0)] string Topic, [property: Id(1)] long Succeeded, [property: Id(2)] long Failed);

/// <summary>When circuit breakers of a group open; see <c>ConsumerOptions.CircuitBreaker</c>.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.BreakerSettings")]
internal sealed record BreakerSettings(
    [property: Id(0)] bool IsByTopic,
    [property: Id(1)] double FailureShare,
    [property: Id(2)] TimeSpan Window,
    [property: Id(3)] int LeastMessages,
    [property: Id(4)] TimeSpan OpenTime,
    [property: Id(5)] TimeSpan MaxOpenTime,
    [property: Id(6)] int TrialMessages)
{
    public static BreakerSettings Of(Configuration.ConsumerOptions options) => new(
        options.CircuitBreaker == Configuration.CircuitBreakerScope.Topic,
        options.BreakerFailureShare,
        options.BreakerWindow,
        options.BreakerLeastMessages,
        options.BreakerOpenTime,
        options.BreakerMaxOpenTime,
        options.BreakerTrialMessages);

    public Engine.Flow.BreakerRules ToRules() => new(FailureShare, Window, LeastMessages, OpenTime, MaxOpenTime, TrialMessages);
}

/// <summary>A group on one silo, as its settings grain reaches it.</summary>
[Alias("OrleansRocketMQ.IGroupAgent")]
internal interface IGroupAgent : IGrainObserver
{
    [Alias("Apply")]
    Task ApplyAsync(GroupSettings settings);

    /// <summary>Lets queues go on that stopped because of failures.</summary>
    [Alias("Recover")]
    Task RecoverAsync(ConsumerScope scope);

    [Alias("Describe")]
    Task<SiloReport> DescribeAsync();
}

/// <summary>What operators have set for a group at run time. The parts have versions of their own.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.GroupSettings")]
internal sealed record GroupSettings([property: Id(0)] FlowSettings Flow, [property: Id(1)] PlacementSettings Placement)
{
    public static GroupSettings None { get; } = new(FlowSettings.None, PlacementSettings.None);
}

/// <summary>What a silo tells of a group: counts by topic that can be added to those of other silos.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.SiloReport")]
internal sealed record SiloReport(
    [property: Id(0)] SiloConsumerStatus Status,
    [property: Id(1)] Dictionary<string, SiloTotals> Topics,
    [property: Id(2)] List<MessageQueue> Queues)
{
    /// <summary>How the queues are; null when that was not asked for.</summary>
    [Id(3)]
    public List<QueueStatus>? Statuses { get; init; }

    /// <summary>What a group does on this silo.</summary>
    public static SiloReport Of(ConsumerGroupRuntime consumer, string silo)
    {
        var topics = consumer.Statistics.ByTopic();
        return new SiloReport(
            new SiloConsumerStatus
            {
                Silo = silo,
                ClientId = consumer.Client.ClientId,
                Uptime = consumer.Statistics.Uptime,
                Rebalances = consumer.Statistics.Rebalances,
                AssignedQueues = consumer.Pumps.Count,
                Figures = ConsumeTotals.Sum(topics.Values).ToFigures(),
            },
            topics.ToDictionary(topic => topic.Key, topic => (SiloTotals)topic.Value, StringComparer.Ordinal),
            [.. consumer.Pumps.Keys]);
    }
}
