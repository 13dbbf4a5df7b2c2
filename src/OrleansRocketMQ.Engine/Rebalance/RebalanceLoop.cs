using System.Numerics;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>
/// Sees to it that the queues of one group that belong to this member run here, and that no others do. Reconciles what runs
/// with the allocation after every change of members, routes or cluster, and from time to time without one, because nothing
/// else would ever restart a queue. Mirrors <c>RebalanceService</c> and <c>RebalanceImpl</c>. May be woken by anybody.
/// </summary>
/// <param name="group">What is asked of the group and its members.</param>
/// <param name="directory">How a queue is started or let go.</param>
/// <param name="interval">Looks at the allocation at least that often.</param>
/// <param name="releaseBudget">How long listeners of a queue that is released may take.</param>
/// <param name="runtime">What it runs on.</param>
/// <param name="logger">Where it tells of itself.</param>
internal sealed partial class RebalanceLoop(
    IRebalancedGroup group,
    IQueueDirectory directory,
    TimeSpan interval,
    TimeSpan releaseBudget,
    EngineRuntime runtime,
    ILogger logger)
{
    // As RocketMQ's: soon again when the last look did not end well, but never in a tight loop.
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly WakeUp _wake = new();
    private readonly WakeUp _urgent = new();
    private readonly LookPace _pace = new(runtime.Time);
    private readonly AllocationLook _allocation = new(group);
    private readonly QueueStarts _starts = new(group.Group, directory, logger);
    private Task _looking = Task.CompletedTask;
    private int _failures;

    private QueueReleases Releases
        => field ??= new(group.Group, directory, runtime.Scheduler, releaseBudget, Wake, logger);

    public void Start() => _looking = runtime.Scheduler.StartLoop(
        $"allocation of group {group.Group}", KeepLookingAsync, runtime.Time, logger, _stopping.Token);

    /// <summary>Ends the looks. What is being released goes on.</summary>
    public async Task StopAsync()
    {
        runtime.Scheduler.Cancel(_stopping);
        await _looking;
    }

    /// <summary>Something has changed: looks again, at the pace that changes allow.</summary>
    public void Wake() => _wake.Call();

    /// <summary>Somebody wants something else, and not at the pace of what changes by itself.</summary>
    public void WakeAtOnce()
    {
        _urgent.Call();
        _wake.Call();
    }

    /// <summary>
    /// Gives the queues to those who would own them if this member were gone; it is about to stop. The looks must have ended.
    /// </summary>
    public async Task HandOverAsync(StopDeadline deadline)
    {
        // Of a group whose members have every queue nobody else can have them.
        await group.LeaveAsync(group.IsBroadcasting ? AllocationView.Empty : _allocation.WithoutThisMember(), deadline);

        // They began before, with no more time than this; what listeners make of it is waited for.
        await Releases.EndAsync();
    }

    private async Task KeepLookingAsync()
    {
        while (true)
        {
            // Every broker tells of every change, and one change brings many more. What somebody wants is done at once.
            await _urgent.WaitAsync(_pace.Next(), runtime.Time, _stopping.Token);
            _pace.Note();
            var isSettled = await TryLookAsync(_stopping.Token);
            await _wake.WaitAsync(isSettled ? interval : SoonAgain, runtime.Time, _stopping.Token);
        }
    }

    private async Task<bool> TryLookAsync(CancellationToken cancellationToken)
    {
        try
        {
            var isSettled = await LookAsync(cancellationToken);
            _failures = 0;
            group.Looked(_starts.Elsewhere);
            return isSettled;
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            group.CouldNotLook(exception);
            if (BitOperations.IsPow2(++_failures))
            {
                // Less and less often: it is looked again every second, for as long as it lasts.
                Log.LookFailed(logger, group.Group, _failures, exception);
            }

            return false;
        }
    }

    /// <summary>Compares what should be with what is, and acts. False when it must look again soon.</summary>
    private async Task<bool> LookAsync(CancellationToken cancellationToken)
    {
        if (group.Strategy is not { } strategy)
        {
            // It is known in a moment, which wakes this loop; else it begins without before long.
            return false;
        }

        // A queue that is handed over to this member from now on may come for a reason that this look cannot see yet.
        var began = runtime.Time.GetTimestamp();
        var (topics, isComplete) = await group.ReadQueuesAsync(cancellationToken);
        if (topics.Count == 0)
        {
            // There is no broker to ask for members; what the group has given up must end all the same.
            group.View = group.View.Only(group.IsSubscribed);
            var givenUp = group.Running.Values.Where(pump => !group.IsSubscribed(pump.Queue.Topic));
            Releases.Begin(PlanOf(group.View).ToRelease(givenUp, began));
            return isComplete;
        }

        if (await _allocation.ReadAsync(strategy, topics, cancellationToken) is not { } view)
        {
            return false;
        }

        Adopt(view);
        var plan = PlanOf(view);
        Releases.Begin(plan.ToRelease(group.Running.Values, began));
        return await _starts.StartAsync(plan.ToStart(group.Running.ContainsKey), cancellationToken)
            && isComplete
            && !group.Running.Values.Any(plan.Waits)
            && view.QueuesOf(group.ClientId).All(queue => group.Pops(queue) is not null);
    }

    private void Adopt(AllocationView view)
    {
        if (!view.SameAs(group.View))
        {
            group.Statistics.CountRebalance();
            Log.Allocated(logger, group.Group, view.QueuesOf(group.ClientId).Count(), view.Queues.Count(), view.ClientIds.Count);
        }

        group.View = view;
        group.Gates.Share(topic => view.ShareOf(group.ClientId, topic));
    }

    private RebalancePlan PlanOf(AllocationView view) => new(view, group.ClientId, group.IsSubscribed, group.Pops);

    private static partial class Log
    {
        [LoggerMessage(151, LogLevel.Information, "Group {Group}: {Own} of {All} queues are this silo's, {Members} members")]
        public static partial void Allocated(ILogger logger, string group, int own, int all, int members);

        [LoggerMessage(
            152,
            LogLevel.Warning,
            "Group {Group}: the allocation could not be checked {Failures} times on end, it is tried again")]
        public static partial void LookFailed(ILogger logger, string group, int failures, Exception exception);
    }
}
