using System.Numerics;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation.Agreement;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Rebalance;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Sees to it that the queues of one group that belong to this silo run here, and that no others do. Reconciles what runs
/// with the allocation after every change of members, routes or silos, and from time to time without one, because nothing
/// else would ever restart a queue. Mirrors <c>RebalanceService</c> and <c>RebalanceImpl</c>.
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
    // As RocketMQ's: soon again when the last look did not end well, but never in a tight loop.
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly SemaphoreSlim _urgent = new(0, 1);
    private readonly HashSet<string> _strangers = new(StringComparer.Ordinal);
    private readonly SubscribedQueues _subscribed = new(consumer, time, logger);
    private readonly QueueStarts _starts = new(consumer.Group, new GrainQueueDirectory(consumer, grains, silo), logger);
    private readonly LookPace _pace = new(time);
    private readonly GroupMembers _members = new(consumer, time);
    private IReadOnlyList<IReadOnlyList<MessageQueue>> _topics = [];
    private IReadOnlyCollection<string> _clientIds = [];
    private Task _reconciling = Task.CompletedTask;
    private Task _watching = Task.CompletedTask;
    private int _unlisted;
    private int _failures;

    private string Group => consumer.Group;

    private QueueReleases Releases => field ??= new(
        Group, new GrainQueueDirectory(consumer, grains, silo), EngineScheduler.Pool, options.ShutdownTimeout, Wake, logger);

    private RocketMQClient Client => consumer.Client;

    public void Start()
    {
        Client.ConsumerIdsChanged += OnConsumerIdsChanged;
        Client.Routes.Changed += OnRouteChanged;
        consumer.LeavingChanged += WakeAtOnce;
        consumer.PlacementChanged += WakeAtOnce;
        consumer.SubscriptionsChanged += WakeAtOnce;
        allocation.Changed += WakeAtOnce;
        _reconciling = BackgroundLoop.Run($"allocation of group {Group}", _ => KeepReconcilingAsync(), time, logger, _stopping.Token);
        _watching = BackgroundLoop.Run($"cluster as group {Group} sees it", WatchMembershipAsync, time, logger, _stopping.Token);
    }

    public async Task StopAsync()
    {
        Client.ConsumerIdsChanged -= OnConsumerIdsChanged;
        Client.Routes.Changed -= OnRouteChanged;
        consumer.LeavingChanged -= WakeAtOnce;
        consumer.PlacementChanged -= WakeAtOnce;
        consumer.SubscriptionsChanged -= WakeAtOnce;
        allocation.Changed -= WakeAtOnce;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_reconciling, _watching).ConfigureAwait(false);
    }

    /// <summary>Gives the queues to those who would own them if this silo were gone; it is about to stop.</summary>
    public async Task HandOverAsync(StopDeadline deadline)
    {
        await LeaveAsync(deadline).ConfigureAwait(false);

        // They began before, with no more time than this; what listeners make of it is waited for.
        await Releases.EndAsync().ConfigureAwait(false);
    }

    private Task LeaveAsync(StopDeadline deadline)
    {
        if (consumer.IsBroadcasting)
        {
            // Nobody else can have them.
            return consumer.LeaveAsync(AllocationView.Empty, deadline);
        }

        var cluster = ClusterSilos.From(membership.CurrentSnapshot, [.. consumer.Leaving, Client.ClientId], options.UnitName);
        var strategy = allocation.InForce ?? allocation.Own;
        var view = AllocationView.Compute(
            Group, strategy, _topics, _clientIds, cluster.ToMembers(), consumer.Placement?.ToOverrides(cluster));
        return consumer.LeaveAsync(view, deadline);
    }

    private void OnConsumerIdsChanged(string group)
    {
        if (group == Group)
        {
            Wake();
        }
    }

    private void OnRouteChanged(TopicRoute route)
    {
        if (consumer.Subscriptions.Has(route.Topic))
        {
            Wake();
        }
    }

    private void WakeAtOnce()
    {
        Wake(_urgent);
        Wake();
    }

    private void Wake() => Wake(_wake);

    private static void Wake(SemaphoreSlim wake)
    {
        try
        {
            wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is going to look anyway.
        }
    }

    private async Task WatchMembershipAsync(CancellationToken stopping)
    {
        await foreach (var cluster in membership.MembershipUpdates.WithoutRepeats(stopping).ConfigureAwait(false))
        {
            NoteNamesake(cluster);
            consumer.HasStoppingSilos = cluster.Members.Values
                .Any(member => member.Status is SiloStatus.ShuttingDown or SiloStatus.Stopping);
            Wake();
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

    private async Task KeepReconcilingAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var settled = false;
            try
            {
                // Every broker tells of every change, and one change brings many more. What somebody wants is done at once.
                await WaitAsync(_urgent, _pace.Next()).ConfigureAwait(false);
                _pace.Note();
                settled = await ReconcileAsync(_stopping.Token).ConfigureAwait(false);
                (_failures, allocation.Failure) = (0, null);
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !_stopping.IsCancellationRequested)
            {
                NoteFailure(exception);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await WaitAsync(_wake, settled ? options.RebalanceInterval : SoonAgain).ConfigureAwait(false);
        }
    }

    private void NoteFailure(Exception exception)
    {
        allocation.Failure = exception.InnerException is { } reason ? $"{exception.Message} {reason.Message}" : exception.Message;
        if (BitOperations.IsPow2(++_failures))
        {
            // Less and less often: it is looked again every second, for as long as it lasts.
            Log.ReconcileFailed(logger, Group, _failures, exception);
        }
    }

    private async Task WaitAsync(SemaphoreSlim wake, TimeSpan longest)
    {
        if (longest == TimeSpan.Zero)
        {
            wake.Wait(0);
            return;
        }

        using var due = new CancellationTokenSource(longest, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, due.Token);
        try
        {
            await wake.WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Time to look, or to stop.
        }
    }

    /// <summary>Compares what should be with what is, and acts. False when it must look again soon.</summary>
    private async Task<bool> ReconcileAsync(CancellationToken cancellationToken)
    {
        if (consumer.Placement is null || allocation.InForce is not { } strategy)
        {
            // What operators want, and how all share, is known in a moment, which wakes this loop; else it begins without before long.
            return false;
        }

        // A queue that is handed over to this silo from now on may come for a reason that this look cannot see yet.
        var began = time.GetTimestamp();
        var (topics, complete) = await _subscribed.ReadAsync(cancellationToken).ConfigureAwait(false);
        if (topics.Count == 0)
        {
            // There is no broker to ask for members; what the group has given up must end all the same.
            consumer.View = consumer.View.Only(consumer.Subscriptions.Has);
            var givenUp = consumer.Pumps.Values.Where(pump => !consumer.Subscriptions.Has(pump.Queue.Topic));
            Releases.Begin(PlanOf(consumer.View).ToRelease(givenUp, began));
            return complete;
        }

        if (await AllocateAsync(strategy, topics, cancellationToken).ConfigureAwait(false) is not { } view)
        {
            return false;
        }

        if (!view.SameAs(consumer.View))
        {
            consumer.Statistics.CountRebalance();
            Log.Allocated(logger, Group, view.QueuesOf(Client.ClientId).Count(), view.Queues.Count(), view.ClientIds.Count);
        }

        consumer.View = view;
        consumer.Flow.Gates.Share(topic => view.ShareOf(Client.ClientId, topic));
        var plan = PlanOf(view);
        Releases.Begin(plan.ToRelease(consumer.Pumps.Values, began));
        var started = await _starts.StartAsync(plan.ToStart(consumer.Pumps.ContainsKey), _stopping.Token).ConfigureAwait(false);
        consumer.Elsewhere = _starts.Elsewhere;
        return complete && started;
    }

    private RebalancePlan PlanOf(AllocationView view) => new(view, Client.ClientId, consumer.Subscriptions.Has);

    /// <summary>Who is to own which queue; null while the broker does not count this silo in.</summary>
    private async Task<AllocationView?> AllocateAsync(
        IAllocateStrategy strategy,
        List<IReadOnlyList<MessageQueue>> topics,
        CancellationToken cancellationToken)
    {
        if (consumer.IsBroadcasting)
        {
            return AllocationView.Everything(topics, Client.ClientId);
        }

        var clientIds = await _members.ReadAsync(topics, _unlisted, cancellationToken).ConfigureAwait(false);
        if (!clientIds.Contains(Client.ClientId))
        {
            // Until the broker counts this silo in, the others share out its part among themselves.
            await Client.HeartbeatUntilOneAnswersAsync(cancellationToken).ConfigureAwait(false);
            await LookForGroupAsync(topics, cancellationToken).ConfigureAwait(false);
            return null;
        }

        _unlisted = 0;

        (_topics, _clientIds) = (topics, clientIds);
        consumer.NoteListed(clientIds);
        await LearnOfNewSilosAsync(clientIds, cancellationToken).ConfigureAwait(false);
        var cluster = ClusterSilos.From(membership.CurrentSnapshot, consumer.Leaving, options.UnitName);
        return AllocationView.Compute(Group, strategy, topics, clientIds, cluster.ToMembers(), consumer.Placement?.ToOverrides(cluster));
    }

    /// <summary>
    /// A broker that knows no such group, and makes none, ignores its heartbeats without a word; pulls it refuses by name.
    /// </summary>
    private async Task LookForGroupAsync(List<IReadOnlyList<MessageQueue>> topics, CancellationToken cancellationToken)
    {
        if (++_unlisted < 2)
        {
            return;
        }

        var looks = topics
            .SelectMany(queues => queues)
            .DistinctBy(queue => queue.BrokerName)
            .Select(queue => consumer.Missing.LookAsync(queue, cancellationToken));
        try
        {
            await Task.WhenAll(looks).WaitAsync(SoonAgain, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // One that is silent holds up nobody; what it says at last counts all the same.
        }
    }

    /// <summary>
    /// A broker may list a new silo before Orleans has told of it; taken for a stranger it would get its queues without
    /// their progress.
    /// </summary>
    private async Task LearnOfNewSilosAsync(HashSet<string> clientIds, CancellationToken cancellationToken)
    {
        var cluster = ClusterSilos.From(membership.CurrentSnapshot, consumer.Leaving, options.UnitName);
        _strangers.IntersectWith(clientIds);
        if (clientIds.Any(clientId => !cluster.Live.ContainsKey(clientId) && !cluster.Dead.Contains(clientId) && _strangers.Add(clientId)))
        {
            await membership.Refresh(cancellationToken: cancellationToken).ConfigureAwait(false);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(151, LogLevel.Information, "Group {Group}: {Own} of {All} queues are this silo's, {Members} members")]
        public static partial void Allocated(ILogger logger, string group, int own, int all, int members);

        [LoggerMessage(
            152,
            LogLevel.Warning,
            "Group {Group}: the allocation could not be checked {Failures} times on end, it is tried again")]
        public static partial void ReconcileFailed(ILogger logger, string group, int failures, Exception exception);

        [LoggerMessage(
            160,
            LogLevel.Error,
            "Group {Group} is broadcasting, and another active silo, {Silo}, has this silo's name {Name}: "
                + "one of the two gets no messages; give each silo a name of its own (Orleans:Name)")]
        public static partial void NameIsTaken(ILogger logger, string group, string silo, string name);
    }
}
