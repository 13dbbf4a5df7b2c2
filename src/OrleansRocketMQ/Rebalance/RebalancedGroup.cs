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
internal sealed class RebalancedGroup(
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

    public string Group => consumer.Group;

    public string ClientId => consumer.Client.ClientId;

    public bool IsBroadcasting => consumer.IsBroadcasting;

    public IAllocateStrategy? Strategy => consumer.Placement is null ? null : allocation.InForce;

    public IAllocateStrategy OwnStrategy => allocation.Own;

    public IReadOnlyDictionary<MessageQueue, QueuePump> Running => consumer.Pumps;

    public AllocationView View
    {
        get => consumer.View;
        set => consumer.View = value;
    }

    public GroupGates Gates => consumer.Flow.Gates;

    public GroupStatistics Statistics => consumer.Statistics;

    public bool IsSubscribed(string topic) => consumer.Subscriptions.Has(topic);

    public Task<(IReadOnlyList<IReadOnlyList<MessageQueue>> Topics, bool Complete)> ReadQueuesAsync(CancellationToken cancellationToken)
        => _subscribed.ReadAsync(cancellationToken);

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

    public void NoteListed(IReadOnlySet<string> clientIds) => consumer.NoteListed(clientIds);

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
}
