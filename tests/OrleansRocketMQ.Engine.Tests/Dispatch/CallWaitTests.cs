using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Whoever waits for a call hears of its end, of the end of time or of a stop; nothing of one wait reaches another.</summary>
public sealed class CallWaitTests : IDisposable
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly Stepped _world = new();
    private readonly CallWait _wait;

    public CallWaitTests() => _wait = new(_world.Time);

    public void Dispose() => _wait.Dispose();

    [Fact]
    public void It_ends_with_the_call_whatever_becomes_of_it_and_at_once_when_that_has_ended()
    {
        var (good, bad) = (new TaskCompletionSource(), new TaskCompletionSource());
        var first = Wait(good.Task, Second);
        Assert.False(first.IsCompleted);
        good.SetResult();
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(first));

        var second = Wait(bad.Task, Second);
        bad.SetException(new InvalidOperationException());
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(second));
        Assert.True(Stepped.ResultOf(Wait(bad.Task, TimeSpan.Zero)));
    }

    [Fact]
    public void It_ends_when_the_time_is_over_and_may_go_on_for_the_same_call()
    {
        var call = new TaskCompletionSource();
        var first = Wait(call.Task, Second);
        _world.Wait(0.99);
        Assert.False(first.IsCompleted);
        _world.Wait(0.01);
        Assert.False(Stepped.ResultOf(first));

        var second = Wait(call.Task, 2 * Second);
        _world.Wait(1.99);
        Assert.False(second.IsCompleted);
        call.SetResult();
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(second));
    }

    [Fact]
    public void Each_wait_has_its_own_time_though_the_timer_was_set_by_another_one()
    {
        WaitForAnother(Second);
        _world.Wait(0.5);
        var longer = Wait(new TaskCompletionSource().Task, 10 * Second);
        _world.Wait(9.99);
        Assert.False(longer.IsCompleted);
        _world.Wait(0.01);
        Assert.False(Stepped.ResultOf(longer));

        WaitForAnother(10 * Second);
        var shorter = Wait(new TaskCompletionSource().Task, Second);
        _world.Wait(1);
        Assert.False(Stepped.ResultOf(shorter));
    }

    [Fact]
    public void The_end_of_an_earlier_waits_time_is_nothing_to_a_slot_that_does_not_wait()
    {
        WaitForAnother(Second);
        _world.Wait(2);

        var wait = Wait(new TaskCompletionSource().Task, Second);
        _world.Wait(0.99);
        Assert.False(wait.IsCompleted);
        _world.Wait(0.01);
        Assert.False(Stepped.ResultOf(wait));
    }

    [Fact]
    public void It_ends_when_nobody_waits_any_more_by_the_token_of_this_wait_alone()
    {
        using var earlier = new CancellationTokenSource();
        using var present = new CancellationTokenSource();
        WaitForAnother(Second, earlier.Token);
        var wait = Wait(new TaskCompletionSource().Task, Second, present.Token);
        earlier.Cancel();
        _world.Steps.Run();
        Assert.False(wait.IsCompleted);

        present.Cancel();
        _world.Steps.Run();
        Assert.True(wait.IsCanceled);
        Assert.True(Wait(new TaskCompletionSource().Task, Second, present.Token).IsCanceled);
    }

    [Fact]
    public void The_late_end_of_a_call_does_not_end_the_wait_for_the_next_one()
    {
        var late = new TaskCompletionSource();
        var first = Wait(late.Task, Second);
        _world.Wait(1);
        Assert.False(Stepped.ResultOf(first));

        var next = new TaskCompletionSource();
        var second = Wait(next.Task, Second);
        late.SetResult();
        _world.Steps.Run();
        Assert.False(second.IsCompleted);
        next.SetResult();
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(second));
    }

    [Fact]
    public void The_end_of_a_call_between_two_waits_is_not_missed()
    {
        var call = new TaskCompletionSource();
        var first = Wait(call.Task, Second);
        _world.Wait(1);
        Assert.False(Stepped.ResultOf(first));
        call.SetResult();

        Assert.True(Stepped.ResultOf(Wait(call.Task, Second)));
    }

    /// <summary>A wait that set the timer, and is over.</summary>
    private void WaitForAnother(TimeSpan longest, CancellationToken cancellationToken = default)
    {
        var call = new TaskCompletionSource();
        var wait = Wait(call.Task, longest, cancellationToken);
        Assert.False(wait.IsCompleted);
        call.SetResult();
        _world.Steps.Run();
        Assert.True(Stepped.ResultOf(wait));
    }

    private Task<bool> Wait(Task call, TimeSpan longest, CancellationToken cancellationToken = default)
        => _world.Begin(() => _wait.WaitAsync(call, longest, cancellationToken).AsTask());
}
