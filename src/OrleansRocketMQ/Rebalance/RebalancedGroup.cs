using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation.Agreement;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Allocation;

/// <summary>What the engine's rebalance asks of a group, answered by its brokers, Orleans' membership and the silos' agreement.</summary>
internal sealed partial class RebalancedGroup(
    ConsumerGroupRuntime consumer,
    AllocationAgent allocation,
    IClusterMembershipService membership,
    RocketMQOptions options,
    TimeProvider time,
    ILogger logger) : IRebalancedGroup
{
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(1);

    private readonly SubscribedQueues _subscribed = new(consumer, time, logger);
    private readonly GroupMembers _members = new(consumer, time);
    private readonly PopRetryTopics _popRetries = new(consumer, time, logger);

    public string Group => consumer.Group;

    public string ClientId => consumer.Client.ClientId;

    public bool IsBroadcasting => consumer.IsBroadcasting;

    public IAllocateStrategy? Strategy => consumer.Placement is null ? null : allocation.InForce;

    public IAllocateStrategy OwnStrategy => allocation.Own;

    public IReadOnlyDictionary<MessageQueue, IGroupQueue> Running => consumer.Pumps;

    public AllocationView View
    {
        get => consumer.View;
        set => consumer.View = value;
    }

    public GroupGates Gates => consumer.Flow.Gates;

    public GroupStatistics Statistics => consumer.Statistics;

    public bool IsSubscribed(string topic) => consumer.Subscriptions.Has(topic);

    public bool KeepsOrder => consumer.Dispatcher.KeepsOrder;

    public bool? Pops(MessageQueue queue) => consumer.Modes.Pops(queue);

    public async Task<(IReadOnlyList<IReadOnlyList<MessageQueue>> Topics, bool Complete)> ReadQueuesAsync(
        CancellationToken cancellationToken)
    {
        var read = await _subscribed.ReadAsync(cancellationToken);
        await consumer.Modes.RefreshAsync(read.Topics.SelectMany(static queues => queues), options.RebalanceInterval, cancellationToken);
        if (consumer.View.Queues.Any())
        {
            // Not before the first queues run: what is to come again has time.
            await _popRetries.LookAsync(cancellationToken);
        }

        return (read.Topics.Select(Pulled).ToArray(), read.Complete);
    }

    /// <summary>A retry topic of pops is pulled where no pop of the topic it is of brings both at once.</summary>
    private IReadOnlyList<MessageQueue> Pulled(IReadOnlyList<MessageQueue> queues)
        => queues.Count == 0 || KeepsOrder || consumer.Subscriptions.OriginOf(queues[0].Topic) is not { } origin
            ? queues
            : [.. queues.Where(queue => consumer.Modes.Pops(new(origin, queue.BrokerName, 0)) is false)];

    public Task<IReadOnlySet<string>> ReadMembersAsync(
        IReadOnlyList<IReadOnlyList<MessageQueue>> topics, int unlisted, CancellationToken cancellationToken)
        => _members.ReadAsync(topics, unlisted, cancellationToken);

    /// <summary>
    /// A broker that knows no such group, and makes none, ignores its heartbeats without a word; pulls it refuses by name.
    /// </summary>
    public async Task AnnounceAsync(IReadOnlyList<IReadOnlyList<MessageQueue>> topics, int unlisted, CancellationToken cancellationToken)
    {
        await consumer.Client.HeartbeatUntilOneAnswersAsync(cancellationToken).ConfigureAwait(false);
        if (unlisted < 2)
        {
            return;
        }

        var looks = topics
            .SelectMany(queues => queues)
            .DistinctBy(queue => consumer.Client.Routes.BrokerOf(queue))
            .Select(queue => consumer.Missing.LookAsync(queue, cancellationToken));
        try
        {
            await Task.WhenAll(looks).WaitAsync(LongestLook, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // One that is silent holds up nobody; what it says at last counts all the same.
        }
    }

    public void NoteListed(IReadOnlySet<string> clientIds)
    {
        consumer.NoteListed(clientIds);
        if (consumer.Outsiders is { } outsiders)
        {
            var cluster = LookAtCluster(withoutThisMember: false).Members;
            foreach (var clientId in outsiders.Note(clientIds.Where(clientId => !cluster.Knows(clientId)).ToHashSet()))
            {
                Log.HasOutsider(logger, Group, clientId);
            }
        }
    }

    public ClusterLook LookAtCluster(bool withoutThisMember)
    {
        var leaving = withoutThisMember ? [.. consumer.Leaving, ClientId] : consumer.Leaving;
        var cluster = ClusterSilos.From(membership.CurrentSnapshot, leaving, options.UnitName);
        return new ClusterLook(cluster.ToMembers(), consumer.Placement?.ToOverrides(cluster));
    }

    public Task RefreshClusterAsync(CancellationToken cancellationToken)
        => membership.Refresh(cancellationToken: cancellationToken).AsTask();

    public void Looked(IReadOnlyDictionary<MessageQueue, string> elsewhere)
    {
        consumer.Elsewhere = elsewhere;
        allocation.Failure = null;
    }

    public void CouldNotLook(Exception failure)
        => allocation.Failure = failure.InnerException is { } reason ? $"{failure.Message} {reason.Message}" : failure.Message;

    public Task LeaveAsync(AllocationView without, StopDeadline deadline) => consumer.LeaveAsync(without, deadline);

    private static partial class Log
    {
        [LoggerMessage(
            490,
            LogLevel.Warning,
            "Group {Group} keeps state in grains of this cluster, and {Member} is a member that is no silo of it: what that one consumes "
                + "has its effect elsewhere, and in both when a queue goes from one to the other; give each of the two a group of its own")]
        public static partial void HasOutsider(ILogger logger, string group, string member);
    }
}
