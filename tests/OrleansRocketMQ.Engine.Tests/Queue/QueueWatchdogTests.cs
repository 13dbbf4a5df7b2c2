using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>A queue that stands still for longer than it may is told of, whatever the reason.</summary>
public sealed class QueueWatchdogTests
{
    private static readonly QueuePatience Patience = new(TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1));

    private readonly FakeTimeProvider _time = new();
    private readonly LogLines _log = new();
    private readonly List<Exception> _failures = [];
    private readonly QueueWatchdog _watchdog;
    private QueueState _state = QueueState.New(needsLock: false);
    private long _moved;

    public QueueWatchdogTests()
        => _watchdog = new QueueWatchdog("g", new MessageQueue("t", "b", 0), Look, Patience, _failures.Add, _time, _log);

    [Fact]
    public void A_queue_that_does_not_move_is_told_of_once_and_once_more_when_it_stands_still_again()
    {
        Pass(TimeSpan.FromSeconds(70));
        Assert.Empty(_failures);
        Pass(TimeSpan.FromSeconds(10));

        Assert.Equal([138], _log.Ids);
        Assert.Contains("since 1 min without a change (Positioning)", Assert.Single(_failures).Message, StringComparison.Ordinal);
        Pass(Patience.Listeners);
        Assert.Single(_failures);

        _moved++;
        Pass(TimeSpan.FromSeconds(70));
        Assert.Single(_failures);
        Pass(TimeSpan.FromSeconds(10));
        Assert.Equal(2, _failures.Count);
    }

    [Fact]
    public void A_queue_that_comes_to_another_state_is_given_the_time_of_that_one()
    {
        Pass(TimeSpan.FromSeconds(60));
        _state = _state.Next(QueueEventKind.Positioned).State;
        Pass(TimeSpan.FromSeconds(180));
        Assert.Empty(_failures);
        Pass(TimeSpan.FromSeconds(20));

        Assert.Contains("(Running)", Assert.Single(_failures).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_queue_that_moves_or_waits_for_somebody_who_may_take_his_time_is_not_told_of()
    {
        _state = _state.Next(QueueEventKind.Positioned).State;
        for (var round = 0; round < 3; round++)
        {
            _moved++;
            Pass(Patience.Listeners);
        }

        _state = _state.Next(QueueEventKind.Paused).State;
        Pass(3 * Patience.Listeners);

        Assert.Empty(_failures);
    }

    [Theory]
    [InlineData(nameof(QueueTask.Pull), 3)]
    [InlineData(nameof(QueueTask.WaitForListeners), 3)]
    [InlineData(nameof(QueueTask.FindOffset), 1)]
    [InlineData(nameof(QueueTask.CompareWithStore), 1)]
    [InlineData(nameof(QueueTask.StoreOffset), 1)]
    [InlineData(nameof(QueueTask.WaitForRetry), 1)]
    [InlineData(nameof(QueueTask.WaitForLock), null)]
    [InlineData(nameof(QueueTask.WaitForResume), null)]
    [InlineData(nameof(QueueTask.WaitForFence), null)]
    [InlineData(nameof(QueueTask.WaitForRecovery), null)]
    public void Each_wait_has_its_time(string task, int? minutes)
    {
        Assert.Equal(minutes, Patience.Of(Enum.Parse<QueueTask>(task))?.TotalMinutes);
        Assert.Equal(TimeSpan.FromMinutes(9), (Patience with { Pull = TimeSpan.FromMinutes(9) }).Of(QueueTask.Pull));
    }

    private (QueueState State, long Moved) Look() => (_state, _moved);

    private void Pass(TimeSpan time)
    {
        for (var end = _time.GetUtcNow() + time; _time.GetUtcNow() < end;)
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            _watchdog.Look();
        }
    }
}
