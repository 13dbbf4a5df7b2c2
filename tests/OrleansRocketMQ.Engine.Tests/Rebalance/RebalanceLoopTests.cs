using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Tests.Alone;
using OrleansRocketMQ.Engine.Tests.Scheduling;

namespace OrleansRocketMQ.Engine.Tests.Rebalance;

/// <summary>When a member looks at the allocation, and what it does then.</summary>
public sealed class RebalanceLoopTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly StepScheduler _steps = new();
    private readonly Group _group;
    private readonly RebalanceLoop _loop;

    public RebalanceLoopTests()
    {
        _group = new Group(_time);
        var runtime = new EngineRuntime(_time, new EngineScheduler(_steps), new Random(1));
        _loop = new RebalanceLoop(_group, _group, Interval, TimeSpan.FromSeconds(5), runtime, NullLogger.Instance);
    }

    [Fact]
    public void A_member_starts_what_is_its_own_and_nothing_else()
    {
        _group.Listed = ["me", "other"];

        Start();

        Assert.Equal([Group.Queues[0], Group.Queues[1]], _group.Started);
        Assert.Equal("me", _group.View.OwnerOf(Group.Queues[1]));
        Assert.Equal("other", _group.View.OwnerOf(Group.Queues[2]));
    }

    [Fact]
    public void Without_a_change_it_looks_again_after_the_interval_and_soon_when_not_all_runs_yet()
    {
        _group.Answer = "there";
        Start();
        Pass(SoonAgain);
        Assert.Equal(2, _group.Looks);

        _group.Answer = "me";
        Pass(SoonAgain);
        Assert.Equal(3, _group.Looks);

        Pass(SoonAgain);
        Assert.Equal(3, _group.Looks);
        Pass(Interval);
        Assert.Equal(4, _group.Looks);
    }

    [Fact]
    public void A_change_is_looked_at_at_once_and_one_within_the_same_moment_a_moment_later()
    {
        Start();
        Pass(SoonAgain);
        Wake();
        Assert.Equal(2, _group.Looks);

        Wake();
        Assert.Equal(2, _group.Looks);
        Pass(LookPace.Least);
        Assert.Equal(3, _group.Looks);
    }

    [Fact]
    public void What_somebody_wants_is_looked_at_at_once_whatever_came_before()
    {
        Start();
        for (var change = 2; change < 40; change++)
        {
            _loop.WakeAtOnce();
            _steps.Run();
            Assert.Equal(change, _group.Looks);
        }
    }

    [Fact]
    public void Until_it_is_known_how_all_share_nothing_is_asked_started_or_released()
    {
        _group.Strategy = null;
        Start();

        Assert.Equal(0, _group.Looks);

        _group.Strategy = new AverageAllocation();
        _loop.WakeAtOnce();
        _steps.Run();
        Assert.Equal(4, _group.Started.Count);
    }

    [Fact]
    public void A_member_that_no_broker_lists_tells_them_of_itself_and_goes_by_the_old_view()
    {
        Start();
        var before = _group.View;
        _group.Listed = ["other"];

        for (var look = 1; look <= 3; look++)
        {
            Wake();
            Pass(SoonAgain);
        }

        Assert.Equal([1, 2, 3], _group.Announced.Take(3));
        Assert.Same(before, _group.View);

        _group.Listed = ["me", "other"];
        Pass(SoonAgain);
        Assert.NotSame(before, _group.View);
    }

    [Fact]
    public void A_look_that_fails_is_told_of_and_followed_by_another_one_soon()
    {
        _group.Failure = new InvalidOperationException("no broker answers");
        Start();
        Assert.Same(_group.Failure, _group.Told);

        _group.Failure = null;
        Pass(SoonAgain);

        Assert.Null(_group.Told);
        Assert.Equal(4, _group.Started.Count);
    }

    [Fact]
    public void The_cluster_is_asked_anew_once_for_each_member_it_does_not_know()
    {
        _group.Listed = ["me", "new"];
        Start();
        Wake();
        Pass(LookPace.Least);
        Assert.Equal(1, _group.Refreshed);

        _group.Listed = ["me"];
        Wake();
        Pass(LookPace.Most);
        _group.Listed = ["me", "new"];
        Wake();
        Pass(LookPace.Most);
        Assert.Equal(2, _group.Refreshed);
    }

    [Fact]
    public async Task A_member_that_stops_looks_no_more_and_hands_over_as_if_it_were_gone()
    {
        _group.Listed = ["me", "other"];
        _group.Live = ["me", "other"];
        Start();
        var stopping = _loop.StopAsync();
        _steps.Run();
        // The end of a loop is told by the thread pool.
        await stopping.WaitAsync(TimeSpan.FromMinutes(1));
        Wake();
        Pass(Interval);
        Assert.Equal(1, _group.Looks);

        _ = _loop.HandOverAsync(new StopDeadline(SoonAgain, _time, CancellationToken.None));

        Assert.All(Group.Queues, queue => Assert.Equal("other", _group.Left!.OwnerOf(queue)));
    }

    [Fact]
    public async Task A_member_that_stops_while_others_do_not_answer_ends_at_once()
    {
        _group.Silence = new TaskCompletionSource();
        Start();

        var stopping = _loop.StopAsync();
        _steps.Run();

        // The end of a loop is told by the thread pool.
        await stopping.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Null(_group.Told);
        _group.Silence.SetResult();
    }

    [Fact]
    public void A_member_of_a_broadcasting_group_has_every_queue_and_leaves_none_to_others()
    {
        _group.IsBroadcasting = true;
        _group.Listed = ["other"];
        Start();
        Assert.Equal(4, _group.Started.Count);

        _ = _loop.HandOverAsync(new StopDeadline(SoonAgain, _time, CancellationToken.None));

        Assert.Same(AllocationView.Empty, _group.Left);
    }

    [Fact]
    public void While_a_queue_in_doubt_waits_to_be_popped_it_looks_again_soon()
    {
        var world = new World(World.Mode.Concurrent);
        world.Broker.Store(10);
        world.Start();
        world.Fence(closed: true);
        _group.Running[Group.Queues[0]] = world.Pump;
        _group.DoesPop = true;
        Start();
        Pass(SoonAgain);
        Assert.Equal((2, 0), (_group.Looks, _group.Released.Count));

        world.Fence(closed: false);
        world.Wait(TimeSpan.FromSeconds(1));
        Pass(SoonAgain);
        Assert.Same(world.Pump, Assert.Single(_group.Released));
    }

    private void Start()
    {
        _loop.Start();
        _steps.Run();
    }

    private void Wake()
    {
        _loop.Wake();
        _steps.Run();
    }

    private void Pass(TimeSpan time)
    {
        _time.Advance(time);
        _steps.Run();
    }

    private sealed class Group(FakeTimeProvider time) : IRebalancedGroup, IQueueDirectory
    {
        public static readonly MessageQueue[] Queues = [.. Enumerable.Range(0, 4).Select(id => new MessageQueue("orders", "broker-a", id))];

        public List<MessageQueue> Started { get; } = [];

        public List<IGroupQueue> Released { get; } = [];

        public Dictionary<MessageQueue, IGroupQueue> Running { get; } = [];

        public bool DoesPop { get; set; }

        public List<int> Announced { get; } = [];

        public HashSet<string> Listed { get; set; } = ["me"];

        public HashSet<string> Live { get; set; } = ["me"];

        public int Looks { get; private set; }

        public int Refreshed { get; private set; }

        /// <summary>Where queues run that are started.</summary>
        public string Answer { get; set; } = "me";

        public Exception? Failure { get; set; }

        public TaskCompletionSource? Silence { get; set; }

        public Exception? Told { get; private set; }

        public AllocationView? Left { get; private set; }

        string IRebalancedGroup.Group => "billing";

        public string ClientId => "me";

        public string Here => "me";

        public bool IsBroadcasting { get; set; }

        public IAllocateStrategy? Strategy { get; set; } = new AverageAllocation();

        public IAllocateStrategy OwnStrategy => new AverageAllocation();

        IReadOnlyDictionary<MessageQueue, IGroupQueue> IRebalancedGroup.Running => Running;

        public AllocationView View { get; set; } = AllocationView.Empty;

        public GroupGates Gates { get; } = new(time);

        public GroupStatistics Statistics { get; } = new(time);

        public bool IsSubscribed(string topic) => true;

        public bool? Pops(MessageQueue queue) => DoesPop;

        public Task<(IReadOnlyList<IReadOnlyList<MessageQueue>> Topics, bool Complete)> ReadQueuesAsync(CancellationToken cancellationToken)
        {
            Looks++;
            return Failure is { } failure
                ? Task.FromException<(IReadOnlyList<IReadOnlyList<MessageQueue>>, bool)>(failure)
                : Task.FromResult<(IReadOnlyList<IReadOnlyList<MessageQueue>>, bool)>(([Queues], true));
        }

        public async Task<IReadOnlySet<string>> ReadMembersAsync(
            IReadOnlyList<IReadOnlyList<MessageQueue>> topics, int unlisted, CancellationToken cancellationToken)
        {
            await Waits.OrCancelAsync(Silence?.Task ?? Task.CompletedTask, cancellationToken);
            return Listed;
        }

        public Task AnnounceAsync(IReadOnlyList<IReadOnlyList<MessageQueue>> topics, int unlisted, CancellationToken cancellationToken)
        {
            Announced.Add(unlisted);
            return Task.CompletedTask;
        }

        public void NoteListed(IReadOnlySet<string> clientIds)
        {
        }

        public ClusterLook LookAtCluster(bool withoutThisMember) => new(
            withoutThisMember
                ? new ClusterMembers(Live.Where(clientId => clientId != ClientId).ToHashSet(), new HashSet<string> { ClientId })
                : new ClusterMembers(Live, new HashSet<string>()),
            null);

        public Task RefreshClusterAsync(CancellationToken cancellationToken)
        {
            Refreshed++;
            return Task.CompletedTask;
        }

        public void Looked(IReadOnlyDictionary<MessageQueue, string> elsewhere) => Told = null;

        public void CouldNotLook(Exception failure) => Told = failure;

        public Task LeaveAsync(AllocationView without, StopDeadline deadline)
        {
            Left = without;
            return Task.CompletedTask;
        }

        public Task<string?> StartAsync(MessageQueue queue)
        {
            Started.Add(queue);
            return Task.FromResult<string?>(Answer);
        }

        public Task ReleaseAsync(IGroupQueue pump, TimeSpan budget)
        {
            Released.Add(pump);
            return Task.CompletedTask;
        }
    }
}
