using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>A queue pulls when there is room for it; what waits is woken by progress, and is gone when it does not wait any more.</summary>
public sealed class PullFlowControllerTests
{
    private readonly Stepped _world = new();
    private readonly DispatchBuffer _runs = new(new ProcessQueue(0));
    private readonly QueueQuotas _budgets = new(new(100), new(100), new(100_000), new(100_000));
    private readonly ConsumerOptions _options = new()
    {
        Group = "g", PullBatchSize = 32, PullThresholdForQueue = 100, MaxCachedMessagesPerQueue = 120, ConsumeMaxSpan = 200,
    };

    [Fact]
    public void An_empty_queue_pulls_whatever_the_others_hold()
    {
        _budgets.Group.Add(1000);
        _budgets.SiloBytes.Add(1_000_000);

        Assert.True(MayPull(New()));
    }

    [Theory]
    [InlineData("group")]
    [InlineData("topic")]
    [InlineData("bytes")]
    [InlineData("silo")]
    public void A_queue_that_holds_something_waits_for_each_quota_it_shares_until_there_is_room(string which)
    {
        var flow = New();
        Add(1);
        Assert.True(MayPull(flow));
        var (budget, amount) = which switch
        {
            "group" => (_budgets.Group, 100),
            "topic" => (_budgets.Topic, 100),
            "bytes" => (_budgets.TopicBytes, 100_000),
            _ => (_budgets.SiloBytes, 100_000),
        };
        budget.Add(amount);
        var waiting = Begin(flow);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(1, budget.Waiting);

        budget.Remove(1);
        _world.Steps.Run();

        Assert.True(Stepped.ResultOf(waiting));
        Assert.All(All(), each => Assert.Equal(0, each.Waiting));
    }

    /// <summary>It reserves nothing: what it was called for others may have until it pulls.</summary>
    [Fact]
    public void A_queue_whose_turn_has_come_and_that_waits_for_another_quota_holds_up_nobody_behind_it()
    {
        var other = new DispatchBuffer(new ProcessQueue(0));
        other.Window.Add([TestMessages.At(0)], 1);
        Add(1);
        _budgets.Topic.Add(100);
        _budgets.Group.Add(100);
        var (first, second) = (Begin(New()), Begin(new PullFlowController(_options, other, _budgets, _world.Time)));
        Assert.Equal((2, 0), (_budgets.Topic.Waiting, _budgets.Group.Waiting));

        // Room for one pull, and the queue that is called for it has no room elsewhere.
        _budgets.Topic.Remove(5);
        _world.Steps.Run();
        Assert.Equal((0, 2), (_budgets.Topic.Waiting, _budgets.Group.Waiting));

        _budgets.Group.Remove(100);
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(first) && Stepped.ResultOf(second));
        Assert.All(All(), each => Assert.Equal(0, each.Waiting));
    }

    [Theory]
    [InlineData(99, true)]
    [InlineData(100, false)]
    public void A_queue_holds_so_many_messages_and_no_more(int held, bool pulls)
    {
        Add(held);

        Assert.Equal(pulls, MayPull(New()));
        _options.PullThresholdForQueue = 1000;
        Assert.True(MayPull(New()));
        _options.MaxCachedMessagesPerQueue = 100;
        Assert.Equal(pulls, MayPull(New()));
    }

    [Theory]
    [InlineData(999, true)]
    [InlineData(1000, false)]
    public void And_so_many_bytes(int bytes, bool pulls)
    {
        _runs.Window.Add([TestMessages.At(0, bodyLength: bytes)], 1);
        _options.PullThresholdBytesForQueue = 1000;

        Assert.Equal(pulls, MayPull(New()));
        _options.PullThresholdBytesForQueue = 100_000;
        Assert.True(MayPull(New()));
        _options.MaxCachedBytesPerQueue = 1000;
        Assert.Equal(pulls, MayPull(New()));
    }

    [Theory]
    [InlineData(199, true)]
    [InlineData(200, false)]
    public void And_runs_so_far_ahead_of_its_oldest_message_unless_it_is_consumed_in_order(int span, bool pulls)
    {
        _runs.Window.Add([TestMessages.At(0), TestMessages.At(span)], span + 1);

        Assert.Equal(pulls, MayPull(New()));
        Assert.True(MayPull(New(limitsSpan: false)));
    }

    [Fact]
    public void A_queue_that_is_shut_gives_its_turn_to_those_who_can_use_it()
    {
        var flow = New();
        Add(1);
        _budgets.Group.Add(100);
        var waiting = Begin(flow);
        Assert.Equal(1, _budgets.Group.Waiting);

        _runs.Gate.Set(paused: true, rate: null);
        flow.OnProgress();
        _world.Steps.Run();

        Assert.False(waiting.IsCompleted);
        Assert.Equal(0, _budgets.Group.Waiting);
        _budgets.Group.Remove(100);
        _runs.Gate.Set(paused: false, rate: null);
        flow.OnProgress();
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(waiting));
    }

    [Fact]
    public void A_queue_that_does_something_else_leaves_all_lines_and_pulls_nothing()
    {
        var flow = New();
        Add(1);
        _budgets.Group.Add(100);
        var somethingElse = false;
        var waiting = _world.Begin(() => flow.WaitForRoomAsync(() => somethingElse, CancellationToken.None).AsTask());

        somethingElse = true;
        flow.OnProgress();
        _world.Steps.Run();

        Assert.False(Stepped.ResultOf(waiting));
        Assert.All(All(), each => Assert.Equal(0, each.Waiting));
    }

    [Fact]
    public void A_wait_for_room_that_nobody_wants_any_more_leaves_all_lines()
    {
        var flow = New();
        Add(1);
        _budgets.Group.Add(100);
        using var stopping = new CancellationTokenSource();
        var waiting = _world.Begin(() => flow.WaitForRoomAsync(static () => false, stopping.Token).AsTask());

        stopping.Cancel();
        _world.Steps.Run();

        Assert.True(waiting.IsCanceled);
        Assert.All(All(), each => Assert.Equal(0, each.Waiting));
    }

    [Fact]
    public void A_pull_asks_for_no_more_than_fits()
    {
        var flow = New();
        Assert.Equal((32, 256 * 1024), (flow.MessagesPerPull, flow.MaxBytesPerPull));
        Add(100);
        Assert.Equal(20, flow.MessagesPerPull);
        _options.MaxCachedMessagesPerQueue = 50;
        Assert.Equal(1, flow.MessagesPerPull);

        _options.MaxCachedBytesPerQueue = 1000;
        Assert.Equal(200, flow.MaxBytesPerPull);
        _options.MaxCachedBytesPerQueue = 10;
        Assert.Equal(1, flow.MaxBytesPerPull);
    }

    /// <summary>Finding F5.</summary>
    [Fact]
    public void A_wait_whose_time_is_over_leaves_no_waiter_behind()
    {
        var flow = New();
        var looks = 0;
        for (var round = 0; round < 100; round++)
        {
            var waiting = _world.Begin(() => flow.WaitAsync(
                () =>
                {
                    looks++;
                    return false;
                },
                TimeSpan.FromSeconds(1),
                CancellationToken.None));
            _world.Time.Advance(TimeSpan.FromSeconds(1));
            _world.Steps.Run();
            Assert.False(Stepped.ResultOf(waiting));
        }

        var before = looks;
        var last = _world.Begin(() => flow.WaitAsync(() => ++looks > before + 1, most: null, CancellationToken.None));
        flow.OnProgress();
        _world.Steps.Run();

        Assert.True(Stepped.ResultOf(last));
        Assert.Equal(before + 2, looks);
    }

    [Fact]
    public void A_wait_ends_with_what_it_waits_for_and_with_the_stop()
    {
        var flow = New();
        using var stopping = new CancellationTokenSource();
        var isSo = false;
        var waiting = _world.Begin(() => flow.WaitAsync(() => isSo, TimeSpan.FromMinutes(1), stopping.Token));
        flow.OnProgress();
        _world.Steps.Run();
        Assert.False(waiting.IsCompleted);
        isSo = true;
        flow.OnProgress();
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(waiting));

        var other = _world.Begin(() => flow.WaitAsync(() => false, TimeSpan.FromMinutes(1), stopping.Token));
        stopping.Cancel();
        _world.Steps.Run();
        Assert.True(other.IsCanceled);
    }

    [Fact]
    public void It_is_known_how_many_wait_and_none_does_when_its_wait_has_ended_however_it_ended()
    {
        var flow = New();
        using var stopping = new CancellationTokenSource();
        var isSo = false;
        var first = _world.Begin(() => flow.WaitAsync(() => isSo, most: null, CancellationToken.None));
        var second = _world.Begin(() => flow.WaitAsync(() => false, TimeSpan.FromMinutes(1), stopping.Token));
        Assert.Equal(2, flow.Waits);

        stopping.Cancel();
        _world.Steps.Run();
        Assert.True(second.IsCanceled);
        Assert.Equal(1, flow.Waits);
        isSo = true;
        flow.OnProgress();
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(first));
        Assert.Equal(0, flow.Waits);
    }

    [Fact]
    public void A_wait_for_no_time_looks_once_and_ends()
    {
        var flow = New();
        Assert.True(_world.Get(() => flow.WaitAsync(() => true, TimeSpan.FromSeconds(-1), CancellationToken.None)));
        var waiting = _world.Begin(() => flow.WaitAsync(() => false, TimeSpan.FromSeconds(-1), CancellationToken.None));
        _world.Wait(0.01);

        Assert.False(Stepped.ResultOf(waiting));
    }

    [Fact]
    public void Whoever_waits_until_no_listener_has_a_message_hears_when_the_last_one_ends_or_when_time_is_over()
    {
        var flow = New();
        Add(2);
        Assert.True(_world.Get(() => flow.WaitUntilIdleAsync(CancellationToken.None)));
        var range = _runs.Lease(2);
        using var abandon = new CancellationTokenSource();
        var idle = _world.Begin(() => flow.WaitUntilIdleAsync(CancellationToken.None));
        var given = _world.Begin(() => flow.WaitUntilIdleAsync(abandon.Token));
        abandon.Cancel();
        _world.Steps.Run();
        Assert.False(Stepped.ResultOf(given));
        Assert.False(idle.IsCompleted);

        range.Complete();
        flow.OnProgress();
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(idle));
    }

    private bool MayPull(PullFlowController flow)
    {
        using var end = new CancellationTokenSource();
        var waiting = _world.Begin(() => flow.WaitForRoomAsync(static () => false, end.Token).AsTask());
        var may = waiting.IsCompleted && Stepped.ResultOf(waiting);
        end.Cancel();
        _world.Steps.Run();
        Assert.All(All(), each => Assert.Equal(0, each.Waiting));
        return may;
    }

    private Task<bool> Begin(PullFlowController flow)
        => _world.Begin(() => flow.WaitForRoomAsync(static () => false, CancellationToken.None).AsTask());

    private SharedQuota[] All() => [_budgets.Group, _budgets.Topic, _budgets.TopicBytes, _budgets.SiloBytes];

    private void Add(int count) => _runs.Window.Add(TestMessages.Pull(Enumerable.Range(0, count).Select(offset => (long)offset)), count);

    private PullFlowController New(bool limitsSpan = true) => new(_options, _runs, _budgets, _world.Time, limitsSpan);
}
