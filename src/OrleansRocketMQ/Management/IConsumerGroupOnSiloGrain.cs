using System.Collections.Immutable;
using Orleans;
using Orleans.Concurrency;
using OrleansRocketMQ.Subscriptions;

namespace OrleansRocketMQ.Management;

/// <summary>
/// A group as one silo sees it: does there what <see cref="IConsumerGroupManagementGrain"/> was asked for on any silo. The key
/// is <c>group@silo</c>, and the grain lives on that silo. Where the group does not run, methods that need a running
/// group throw <see cref="GroupRunsElsewhereException"/>.
/// </summary>
[Alias("OrleansRocketMQ.IConsumerGroupOnSiloGrain")]
internal interface IConsumerGroupOnSiloGrain : IGrainWithStringKey
{
    /// <summary>What the silo has of the group.</summary>
    [Alias("GetPresence")]
    Task<GroupPresence> GetPresenceAsync();

    /// <summary>The queues that run there; none when the group has stopped there.</summary>
    [Alias("GetQueues")]
    Task<List<MessageQueue>> GetQueuesAsync();

    /// <summary>What that silo alone has of the group, with its queues.</summary>
    [Alias("GetReport")]
    Task<SiloReport> GetReportAsync();

    [Alias("GetStatus")]
    Task<ConsumerGroupStatus> GetStatusAsync();

    /// <summary>The status of a group that runs nowhere.</summary>
    [Alias("GetStoppedStatus")]
    Task<ConsumerGroupStatus> GetStoppedStatusAsync();

    [Alias("Pause")]
    Task<FlowSettings> PauseAsync(ConsumerScope scope);

    [Alias("Resume")]
    Task<FlowSettings> ResumeAsync(ConsumerScope scope);

    [Alias("LimitRate")]
    Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond);

    [ResponseTimeout("00:02:00")]
    [Alias("Seek")]
    Task<IReadOnlyDictionary<MessageQueue, long>> SeekAsync(ConsumerScope scope, SeekTarget target);

    /// <summary>Moves a group that runs nowhere.</summary>
    [ResponseTimeout("00:02:00")]
    [Alias("SeekStopped")]
    Task<IReadOnlyDictionary<MessageQueue, long>> SeekStoppedAsync(ConsumerScope scope, SeekTarget target);

    [ResponseTimeout("00:12:00")]
    [Alias("MoveQueue")]
    Task MoveQueueAsync(MessageQueue queue, string silo);

    [Alias("ReleaseQueue")]
    Task ReleaseQueueAsync(MessageQueue queue);

    [ResponseTimeout("00:12:00")]
    [Alias("DrainSilo")]
    Task<IReadOnlyList<MessageQueue>> DrainSiloAsync(string silo);

    [Alias("RestoreSilo")]
    Task RestoreSiloAsync(string silo);

    [Alias("Subscribe")]
    Task SubscribeAsync(string topic, MessageSelector? selector);

    [Alias("Unsubscribe")]
    Task UnsubscribeAsync(string topic);

    /// <summary>Subscriptions have changed; whoever decides about them has begun anew, and the silo does not follow it yet.</summary>
    [Alias("LearnSubscriptions")]
    Task LearnSubscriptionsAsync(ImmutableArray<SubscriptionDecision> decisions);
}

/// <summary>What a silo has of a group; more is better.</summary>
internal enum GroupPresence
{
    /// <summary>It is not configured there.</summary>
    None = 0,

    /// <summary>It is configured, and does not run.</summary>
    Stopped = 1,

    /// <summary>It runs.</summary>
    Running = 2,
}

/// <summary>A group does not run on the silo that was asked.</summary>
internal sealed class GroupRunsElsewhereException(string group)
    : RocketMQException(RocketMQErrorCode.State, $"The consumer of group '{group}' does not run on this silo.");
