using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation.Agreement;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Rebalance;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Runs the <see cref="RebalanceLoop"/> of one group on this silo: wakes it after every change of members, routes, silos and
/// settings, and notes what Orleans' membership says of the group.
/// </summary>
internal sealed partial class RebalanceService(
    ConsumerGroupRuntime consumer,
    AllocationAgent allocation,
    IGrainFactory grains,
    IClusterMembershipService membership,
    SiloAddress silo,
    RocketMQOptions options,
    TimeProvider time,
    ILogger<RebalanceService> logger)
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly KnownBrokers _brokers = new();
    private readonly RebalanceLoop _loop = new(
        new RebalancedGroup(consumer, allocation, membership, options, time, logger),
        new GrainQueueDirectory(consumer, grains, silo),
        options.RebalanceInterval,
        options.ShutdownTimeout,
        SiloRuntime.Of(time),
        logger);
    private Task _watching = Task.CompletedTask;

    private string Group => consumer.Group;

    private RocketMQClient Client => consumer.Client;

    public void Start()
    {
        Client.ConsumerIdsChanged += OnConsumerIdsChanged;
        Client.Routes.Changed += OnRouteChanged;
        consumer.LeavingChanged += _loop.WakeAtOnce;
        consumer.PlacementChanged += _loop.WakeAtOnce;
        consumer.SubscriptionsChanged += _loop.WakeAtOnce;
        allocation.Changed += _loop.WakeAtOnce;
        _loop.Start();
        _watching = BackgroundLoop.Run($"cluster as group {Group} sees it", WatchMembershipAsync, time, logger, _stopping.Token);
    }

    public async Task StopAsync()
    {
        Client.ConsumerIdsChanged -= OnConsumerIdsChanged;
        Client.Routes.Changed -= OnRouteChanged;
        consumer.LeavingChanged -= _loop.WakeAtOnce;
        consumer.PlacementChanged -= _loop.WakeAtOnce;
        consumer.SubscriptionsChanged -= _loop.WakeAtOnce;
        allocation.Changed -= _loop.WakeAtOnce;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_loop.StopAsync(), _watching).ConfigureAwait(false);
    }

    /// <inheritdoc cref="RebalanceLoop.HandOverAsync"/>
    public Task HandOverAsync(StopDeadline deadline) => _loop.HandOverAsync(deadline);

    private void OnConsumerIdsChanged(string group)
    {
        if (group == Group)
        {
            _loop.Wake();
        }
    }

    private void OnRouteChanged(TopicRoute route)
    {
        // Also one of another topic tells where this one's brokers are. Who leads a logical queue stands in the route itself.
        if (_brokers.HaveChanged(Client.Routes) || route.Data.IsStatic)
        {
            consumer.OnRoutes();
        }

        if (consumer.Subscriptions.Has(route.Topic))
        {
            _loop.Wake();
        }
    }

    private async Task WatchMembershipAsync(CancellationToken stopping)
    {
        await foreach (var cluster in membership.MembershipUpdates.WithoutRepeats(stopping).ConfigureAwait(false))
        {
            NoteNamesake(cluster);
            consumer.HasStoppingSilos = cluster.Members.Values
                .Any(member => member.Status is SiloStatus.ShuttingDown or SiloStatus.Stopping);
            _loop.Wake();
        }
    }

    // A queue of a broadcasting group has a grain per silo's name; a name that two have means that one gets nothing.
    private void NoteNamesake(ClusterMembershipSnapshot cluster)
    {
        var namesake = consumer.Instance is null ? null : cluster.Members.Values
            .FirstOrDefault(member => member.Status == SiloStatus.Active
                && member.Name == consumer.Instance
                && !member.SiloAddress.Equals(silo))?.SiloAddress;
        if (namesake is not null && !namesake.Equals(consumer.Namesake))
        {
            Log.NameIsTaken(logger, Group, namesake.ToParsableString(), consumer.Instance!);
        }

        consumer.Namesake = namesake;
    }

    private static partial class Log
    {
        [LoggerMessage(
            160,
            LogLevel.Error,
            "Group {Group} is broadcasting, and another active silo, {Silo}, has this silo's name {Name}: "
                + "one of the two gets no messages; give each silo a name of its own (Orleans:Name)")]
        public static partial void NameIsTaken(ILogger logger, string group, string silo, string name);
    }
}
