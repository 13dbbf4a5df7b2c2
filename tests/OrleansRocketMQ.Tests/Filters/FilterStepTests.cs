using OrleansRocketMQ.Filters;

namespace OrleansRocketMQ.Tests.Filters;

/// <summary>What a filter may do with its <c>next</c>, without a silo.</summary>
public sealed class FilterStepTests
{
    private int _calls;
    private string? _result;

    [Fact]
    public async Task Next_may_be_called_again_when_it_has_ended()
    {
        await RunAsync(
            async next =>
            {
                await Assert.ThrowsAsync<InvalidOperationException>(next);
                await next();
            },
            () => _calls == 1 ? Task.FromException(new InvalidOperationException("first")) : Succeed());

        Assert.Equal((2, "done"), (_calls, _result));
    }

    [Fact]
    public async Task Next_is_not_called_beside_itself()
    {
        var first = new TaskCompletionSource();
        var error = await Assert.ThrowsAsync<FilterException>(() => RunAsync(
            async next =>
            {
                var running = next();
                var again = Assert.Throws<FilterException>(() => { _ = next(); });
                first.SetResult();
                await running;
                throw again;
            },
            () => first.Task));

        Assert.Equal((1, RocketMQErrorCode.Filter, typeof(FilterStepTests)), (_calls, error.Code, error.Filter));
    }

    [Fact]
    public async Task What_a_filter_did_not_wait_for_has_ended_when_the_filter_has_failed()
    {
        var listener = new TaskCompletionSource();
        var run = RunAsync(
            next =>
            {
                _ = next();
                return Task.CompletedTask;
            },
            () => listener.Task);
        Assert.False(run.IsCompleted);
        _result = "done";

        listener.SetResult();

        Assert.Contains("has not waited for next", (await Assert.ThrowsAsync<FilterException>(() => run)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_filter_that_fails_while_next_runs_ends_with_it_and_keeps_its_own_error()
    {
        var listener = new TaskCompletionSource();
        var run = RunAsync(
            next =>
            {
                _ = next();
                throw new TimeoutException("mine");
            },
            () => listener.Task);
        Assert.False(run.IsCompleted);

        listener.SetException(new InvalidOperationException("the listener's"));

        Assert.Equal("mine", (await Assert.ThrowsAsync<TimeoutException>(() => run)).Message);
    }

    [Fact]
    public async Task A_next_that_was_kept_calls_nobody()
    {
        Func<Task>? kept = null;
        await RunAsync(
            next =>
            {
                kept = next;
                return next();
            },
            Succeed);

        Assert.Throws<FilterException>(() => { _ = kept!(); });
        Assert.Equal(1, _calls);
    }

    [Fact]
    public async Task An_exception_that_is_kept_back_without_a_result_is_the_calls()
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync(
            async next => await next().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing),
            () => Task.FromException(new InvalidOperationException("broke"))));

        Assert.Equal("broke", error.Message);
    }

    [Fact]
    public async Task A_result_that_is_taken_away_is_none()
    {
        var error = await Assert.ThrowsAsync<FilterException>(() => RunAsync(
            async next =>
            {
                await next();
                _result = null;
            },
            Succeed));

        Assert.Contains("has taken the result away", error.Message, StringComparison.Ordinal);
    }

    private Task Succeed()
    {
        _result = "done";
        return Task.CompletedTask;
    }

    private Task RunAsync(Func<Func<Task>, Task> filter, Func<Task> behind) => new FilterStep(typeof(FilterStepTests), () =>
    {
        _calls++;
        return behind();
    }).RunAsync(filter, () => _result is not null);
}
