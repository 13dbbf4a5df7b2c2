using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Tests.Alone;
using OrleansRocketMQ.Engine.Tests.Scheduling;

namespace OrleansRocketMQ.Engine.Tests.Rebalance;

/// <summary>What a look at the allocation leads to: which queues are started, which are let go, and what is told of it.</summary>
public sealed class QueueMovesTests
{
    private static readonly MessageQueue[] Queues = [.. Enumerable.Range(0, 4).Select(id => new MessageQueue("orders", "broker-a", id))];

    private readonly World _world = new(World.Mode.Concurrent);
    private readonly Directory _directory = new();
    private readonly Lines _log = new();
    private readonly StepScheduler _steps = new();

    [Fact]
    public void Started_is_what_the_member_owns_and_does_not_run()
    {
        var plan = new RebalancePlan(View("me", "me", "other", "me"), "me", static _ => true, static _ => false);

        Assert.Equal([Queues[1], Queues[3]], plan.ToStart(queue => queue == Queues[0]).Order());
    }

    [Fact]
    public void Released_is_what_others_own_and_what_the_group_has_given_up()
    {
        var running = Queues[..3].Select(Pump).ToArray();
        var later = _world.Time.GetTimestamp() + 1;

        var plan = new RebalancePlan(View("me", "other"), "me", static _ => true, static _ => false);
        var givenUp = new RebalancePlan(View("me", "other"), "me", static _ => false, static _ => false);

        Assert.Equal([Queues[1], Queues[2]], plan.ToRelease(running, later).Select(pump => pump.Queue));
        Assert.Equal([Queues[1], Queues[2]], givenUp.ToRelease(running, later).Select(pump => pump.Queue));
    }

    [Fact]
    public void A_queue_that_came_after_the_look_had_begun_is_not_released_by_it()
    {
        var began = _world.Time.GetTimestamp();
        _world.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Empty(new RebalancePlan(View("other"), "me", static _ => true, static _ => false).ToRelease([Pump(Queues[0])], began));
    }

    [Fact]
    public void A_queue_whose_broker_is_away_stays_while_it_owes_a_commit_unless_its_topic_is_given_up()
    {
        _world.Broker.Store(10);
        _world.Start();
        Assert.NotEmpty(_world.Consumed);
        Assert.True(_world.Pump.HoldsUncommitted);
        var later = _world.Time.GetTimestamp() + 1;

        Assert.Empty(new RebalancePlan(AllocationView.Empty, "me", static _ => true, static _ => false).ToRelease([_world.Pump], later));
        Assert.Single(new RebalancePlan(AllocationView.Empty, "me", static _ => false, static _ => false).ToRelease([_world.Pump], later));
    }

    [Fact]
    public async Task All_run_here_only_when_none_is_elsewhere_on_its_way_or_failed()
    {
        var starts = new QueueStarts("billing", _directory, NullLogger.Instance);
        foreach (var owner in new[] { "there", null })
        {
            _directory.Owners[Queues[1]] = owner;
            Assert.False(await starts.StartAsync(Queues, CancellationToken.None));
        }

        _directory.Owners.Clear();
        Assert.True(await starts.StartAsync(Queues, CancellationToken.None));
    }

    [Fact]
    public async Task A_queue_that_stays_elsewhere_is_told_of_once_after_the_looks_a_move_may_take()
    {
        var starts = new QueueStarts("billing", _directory, _log);
        _directory.Owners[Queues[2]] = "there";
        for (var look = 1; look <= 6; look++)
        {
            await starts.StartAsync(Queues, CancellationToken.None);
            Assert.Equal("there", starts.Elsewhere[Queues[2]]);
            Assert.Equal(look < 4 ? 0 : 1, _log.Count(158));
        }

        _directory.Owners.Clear();
        await starts.StartAsync(Queues, CancellationToken.None);
        Assert.Empty(starts.Elsewhere);
    }

    [Fact]
    public async Task Queues_that_fail_to_start_are_told_of_in_one_line()
    {
        var starts = new QueueStarts("billing", _directory, _log);
        _directory.Error = new InvalidOperationException("not now");

        Assert.False(await starts.StartAsync(Queues, CancellationToken.None));

        Assert.Equal(1, _log.Count(154));
        Assert.Empty(starts.Elsewhere);
    }

    [Fact]
    public async Task A_member_that_stops_does_not_wait_for_others_that_do_not_answer()
    {
        var starts = new QueueStarts("billing", _directory, _log);
        using var stopping = new CancellationTokenSource();
        _directory.Answer = new TaskCompletionSource<string?>();

        var taking = starts.StartAsync(Queues, stopping.Token);
        Assert.False(taking.IsCompleted);
        await stopping.CancelAsync();

        Assert.False(await taking);
        _directory.Answer.SetResult("there");
    }

    [Fact]
    public void A_release_under_way_is_not_begun_again_and_one_that_has_failed_is()
    {
        var woken = 0;
        var releases = new QueueReleases(
            "billing", _directory, new EngineScheduler(_steps), TimeSpan.FromSeconds(5), () => woken++, _log);
        var pump = Pump(Queues[0]);
        _directory.Release = new TaskCompletionSource();

        releases.Begin([pump]);
        releases.Begin([pump]);
        _steps.Run();
        Assert.Equal((1, 0), (_directory.Releases, woken));

        _directory.Release.SetException(new InvalidOperationException("the storage is away"));
        _steps.Run();
        Assert.Equal((1, 1), (_log.Count(159), woken));

        _directory.Release = new TaskCompletionSource();
        _directory.Release.SetResult();
        releases.Begin([pump]);
        _steps.Run();
        Assert.Equal((2, 2, 1), (_directory.Releases, woken, _log.Count(155)));
        Assert.True(releases.EndAsync().IsCompletedSuccessfully);
    }

    [Fact]
    public void A_queue_whose_messages_come_another_way_from_now_on_is_let_go_to_begin_anew()
    {
        var running = new[] { Pump(Queues[0]), Pump(Queues[1]) };
        var plan = new RebalancePlan(View("me", "me"), "me", static _ => true, queue => queue == Queues[0]);

        Assert.Equal([Queues[0]], plan.ToRelease(running, long.MaxValue).Select(pump => pump.Queue));
    }

    [Theory]
    [InlineData("me")]
    [InlineData("other")]
    public void A_queue_in_doubt_whose_messages_come_another_way_goes_only_when_it_has_told_how_far_it_is(string owner)
    {
        _world.Broker.Store(10);
        _world.Start();
        _world.Fence(closed: true);
        Assert.NotEmpty(_world.Consumed);
        var plan = new RebalancePlan(View(owner), "me", static _ => true, static _ => true);

        Assert.Empty(plan.ToRelease([_world.Pump], long.MaxValue));
        Assert.True(plan.Waits(_world.Pump));

        _world.Fence(closed: false);
        _world.Wait(TimeSpan.FromSeconds(1));
        Assert.Single(plan.ToRelease([_world.Pump], long.MaxValue));
        Assert.False(plan.Waits(_world.Pump));
    }

    [Fact]
    public void A_queue_in_doubt_that_holds_nothing_uncommitted_begins_anew_at_once()
    {
        _world.Broker.Store(10);
        _world.Start();
        _world.Wait(TimeSpan.FromSeconds(10));
        _world.Fence(closed: true);
        Assert.False(_world.Pump.HoldsUncommitted);
        var plan = new RebalancePlan(View("me"), "me", static _ => true, static _ => true);

        Assert.Single(plan.ToRelease([_world.Pump], long.MaxValue));
    }

    [Fact]
    public void A_queue_of_which_nobody_knows_how_its_messages_come_is_not_started_and_stays_as_it_is()
    {
        var plan = new RebalancePlan(View("me", "me"), "me", static _ => true, queue => queue == Queues[0] ? null : true);

        Assert.Equal([Queues[1]], plan.ToStart(static _ => false));
        Assert.Empty(plan.ToRelease([Pump(Queues[0])], long.MaxValue));
    }

    private static AllocationView View(params string[] owners)
    {
        var queues = owners.Select((owner, index) => (Owner: owner, Queue: Queues[index])).GroupBy(pair => pair.Owner, pair => pair.Queue);
        var strategy = new ConfiguredAllocation(queues.Select(
            group => new KeyValuePair<string, IReadOnlyList<MessageQueue>>(group.Key, [.. group])));
        return AllocationView.Compute("billing", strategy, [Queues], owners.Distinct(), ClusterMembers.None);
    }

    private QueuePump Pump(MessageQueue queue) => new(queue, _world.Environment, arrival: null, NullLogger.Instance);

    private sealed class Directory : IQueueDirectory
    {
        public Dictionary<MessageQueue, string?> Owners { get; } = [];

        public Exception? Error { get; set; }

        /// <summary>What the owner of a queue says, when it is not to be known at once.</summary>
        public TaskCompletionSource<string?>? Answer { get; set; }

        public TaskCompletionSource Release { get; set; } = new();

        public int Releases { get; private set; }

        public string Here => "here";

        public Task<string?> StartAsync(MessageQueue queue)
            => Answer is { } answer ? answer.Task
                : Error is { } error ? Task.FromException<string?>(error)
                : Task.FromResult(Owners.GetValueOrDefault(queue, Here));

        public Task ReleaseAsync(IGroupQueue pump, TimeSpan budget)
        {
            Releases++;
            return Release.Task;
        }
    }

    private sealed class Lines : ILogger
    {
        private readonly ConcurrentQueue<int> _events = new();

        public int Count(int id) => _events.Count(logged => logged == id);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => _events.Enqueue(eventId.Id);
    }
}
