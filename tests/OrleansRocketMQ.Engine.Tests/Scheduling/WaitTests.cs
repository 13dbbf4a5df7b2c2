using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Tests.Scheduling;

/// <summary>Waits go on by the scheduler of whoever waits, whoever ends them and however.</summary>
public sealed class WaitTests
{
    private readonly StepScheduler _scheduler = new();
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Turns_are_given_in_the_order_they_were_asked_for()
    {
        var turns = new AsyncTurns();
        var order = new List<int>();
        var taking = Enumerable.Range(0, 4).Select(number => _scheduler.Begin(async () =>
        {
            await turns.TakeAsync();
            order.Add(number);
        })).ToArray();

        for (var given = 1; given <= 4; given++)
        {
            _scheduler.Run();
            Assert.Equal(given, order.Count);
            turns.Release();
        }

        Assert.Equal([0, 1, 2, 3], order);
        Assert.All(taking, task => Assert.True(task.IsCompletedSuccessfully));
        Assert.Equal(0, _scheduler.Foreign);
    }

    [Fact]
    public void A_turn_that_nobody_wants_any_more_goes_to_the_next()
    {
        var turns = new AsyncTurns();
        using var gone = new CancellationTokenSource();
        var first = _scheduler.Begin(() => turns.TakeAsync());
        var second = _scheduler.Begin(() => turns.TakeAsync(gone.Token));
        var third = _scheduler.Begin(() => turns.TakeAsync());
        _scheduler.Run();

        gone.Cancel();
        _scheduler.Run();
        Assert.True(second.IsCanceled);
        Assert.False(third.IsCompleted);
        turns.Release();
        _scheduler.Run();

        Assert.True(first.IsCompletedSuccessfully && third.IsCompletedSuccessfully);
        Assert.Equal(0, _scheduler.Foreign);
    }

    [Fact]
    public void A_wait_is_not_shorter_than_it_was_said_though_timers_end_early()
    {
        var wait = _scheduler.Begin(() => Waits.AtLeastAsync(TimeSpan.FromSeconds(1), new EarlyTimers(_time), CancellationToken.None));

        Pass(TimeSpan.FromMilliseconds(997));
        Assert.False(wait.IsCompleted);
        Pass(TimeSpan.FromMilliseconds(3));

        Assert.True(wait.IsCompletedSuccessfully);

        void Pass(TimeSpan time)
        {
            _scheduler.Run();
            _time.Advance(time);
            _scheduler.Run();
        }
    }

    [Fact]
    public void As_many_have_a_turn_as_there_are_places()
    {
        var turns = new AsyncTurns(places: 2);
        var taking = Enumerable.Range(0, 3).Select(_ => _scheduler.Begin(() => turns.TakeAsync())).ToArray();

        _scheduler.Run();

        Assert.Equal([true, true, false], taking.Select(task => task.IsCompleted));
        turns.Release();
        _scheduler.Run();
        Assert.True(taking[2].IsCompleted);
    }

    [Fact]
    public void A_call_that_nobody_waits_for_ends_the_next_wait_and_no_other()
    {
        var wake = new WakeUp();
        wake.Call();
        wake.Call();

        var first = _scheduler.Begin(() => wake.WaitAsync(longest: null, _time, CancellationToken.None));
        _scheduler.Run();
        var second = _scheduler.Begin(() => wake.WaitAsync(longest: null, _time, CancellationToken.None));
        _scheduler.Run();

        Assert.True(first.IsCompletedSuccessfully);
        Assert.False(second.IsCompleted);
        wake.Call();
        _scheduler.Run();
        Assert.True(second.IsCompletedSuccessfully);
        Assert.Equal(0, _scheduler.Foreign);
    }

    [Fact]
    public void A_wait_ends_with_its_time_or_its_token_and_the_next_call_is_kept()
    {
        var wake = new WakeUp();
        using var gone = new CancellationTokenSource();
        var (woken, cancelled) = (true, false);
        var first = _scheduler.Begin(async () => woken = await wake.WaitAsync(TimeSpan.FromSeconds(1), _time, CancellationToken.None));
        _scheduler.Run();
        _time.Advance(TimeSpan.FromSeconds(1));
        _scheduler.Run();
        var second = _scheduler.Begin(async () =>
        {
            try
            {
                await wake.WaitAsync(TimeSpan.FromSeconds(1), _time, gone.Token);
            }
            catch (OperationCanceledException)
            {
                cancelled = true;
            }
        });
        _scheduler.Run();
        gone.Cancel();
        _scheduler.Run();

        Assert.True(first.IsCompletedSuccessfully && second.IsCompletedSuccessfully);
        Assert.Equal((false, true), (woken, cancelled));
        wake.Call();
        var third = _scheduler.Begin(() => wake.WaitAsync(longest: null, _time, CancellationToken.None));
        _scheduler.Run();
        Assert.True(third.IsCompletedSuccessfully);
        Assert.Equal(0, _scheduler.Foreign);
    }

    [Fact]
    public void A_promise_that_is_kept_elsewhere_is_gone_on_with_by_the_scheduler()
    {
        var promise = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var gone = new CancellationTokenSource();
        var kept = 0;
        var waiting = _scheduler.Begin(async () => kept = await Waits.OrCancelAsync(promise.Task, CancellationToken.None));
        var givenUp = _scheduler.Begin(() => Waits.OrCancelAsync(promise.Task, gone.Token));
        _scheduler.Run();

        gone.Cancel();
        _scheduler.Run();
        Assert.True(givenUp.IsCanceled);
        promise.SetResult(7);
        _scheduler.Run();

        Assert.True(waiting.IsCompletedSuccessfully);
        Assert.Equal(7, kept);
        Assert.Equal(0, _scheduler.Foreign);
    }

    /// <summary>A clock whose timers end three milliseconds before their time, where that is longer.</summary>
    private sealed class EarlyTimers(TimeProvider time) : TimeProvider
    {
        public override long TimestampFrequency => time.TimestampFrequency;

        public override long GetTimestamp() => time.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var early = dueTime - TimeSpan.FromMilliseconds(3);
            return time.CreateTimer(callback, state, early > TimeSpan.Zero ? early : dueTime, period);
        }
    }
}
