using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Scheduling;

/// <summary>A stop takes all its steps, and has one time for all of them.</summary>
public sealed class StopTests
{
    /// <summary>Finding M18.</summary>
    [Fact]
    public async Task Each_step_is_taken_whatever_becomes_of_those_before_and_what_failed_is_told()
    {
        var (steps, taken) = (new StopSteps(), new List<int>());
        for (var number = 0; number < 4; number++)
        {
            var step = number;
            await steps.TakeAsync(async () =>
            {
                taken.Add(step);
                await Task.CompletedTask;
                if (step is 0 or 2)
                {
                    throw new InvalidOperationException($"step {step}");
                }
            });
        }

        Assert.Equal([0, 1, 2, 3], taken);
        var failed = Assert.Throws<AggregateException>(steps.ThrowIfAnyFailed);
        Assert.Equal(["step 0", "step 2"], failed.InnerExceptions.Select(failure => failure.Message));
    }

    [Fact]
    public async Task A_single_failure_is_told_as_it_is_and_none_is_no_error()
    {
        var steps = new StopSteps();
        await steps.TakeAsync(static () => Task.CompletedTask);
        steps.ThrowIfAnyFailed();

        await steps.TakeAsync(static () => throw new InvalidOperationException("only one"));

        Assert.Equal("only one", Assert.Throws<InvalidOperationException>(steps.ThrowIfAnyFailed).Message);
    }

    [Fact]
    public void All_that_is_waited_for_shares_one_time_and_there_is_none_when_the_host_waits_no_longer()
    {
        var world = new Stepped();
        using var host = new CancellationTokenSource();
        var deadline = new StopDeadline(TimeSpan.FromSeconds(10), world.Time, host.Token);
        world.Wait(4);
        Assert.Equal((TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(11)), (deadline.ForListeners, deadline.ForGrains));
        world.Wait(8);
        Assert.Equal((TimeSpan.Zero, TimeSpan.FromSeconds(3)), (deadline.ForListeners, deadline.ForGrains));
        Assert.Equal(host.Token, deadline.Token);

        host.Cancel();

        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (deadline.ForListeners, deadline.ForGrains));
    }
}
