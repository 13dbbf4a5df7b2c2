using OrleansRocketMQ.Engine.Simulation.Kernel;
using Xunit;

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>A run is one thread, one clock and one seed; whatever is not fails it.</summary>
public sealed class KernelTests
{
    private readonly Trace _trace = new();
    private readonly SimulatedScheduler _scheduler;

    public KernelTests() => _scheduler = new SimulatedScheduler(SeededRandom.Of(1, "steps"), _trace);

    [Fact]
    public void The_same_seed_takes_the_same_steps_and_another_seed_takes_others()
    {
        Assert.Equal(DigestOf(7), DigestOf(7));
        Assert.NotEqual(DigestOf(7), DigestOf(8));
    }

    [Fact]
    public void A_day_takes_no_time()
    {
        var began = Environment.TickCount64;
        var (first, last) = (default(DateTimeOffset), default(DateTimeOffset));
        Run(async () =>
        {
            first = _scheduler.Time.GetUtcNow();
            await _scheduler.Time.Delay(TimeSpan.FromDays(1));
            last = _scheduler.Time.GetUtcNow();
        });

        Assert.InRange((last - first).TotalDays, 1, 1.001);
        Assert.True(Environment.TickCount64 - began < TimeSpan.FromHours(1).TotalMilliseconds);
    }

    [Fact]
    public void Timers_fire_in_the_order_of_their_times_and_not_after_they_were_disposed_of()
    {
        var fired = new List<int>();
        Run(async () =>
        {
            await using var late = _scheduler.Time.CreateTimer(_ => fired.Add(2), null, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan);
            await using var early = _scheduler.Time.CreateTimer(_ => fired.Add(1), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
            await using (_scheduler.Time.CreateTimer(_ => fired.Add(0), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan))
            {
            }

            await _scheduler.Time.Delay(TimeSpan.FromSeconds(12));
        });

        Assert.Equal([1, 2, 1], fired);
    }

    [Fact]
    public void A_run_that_gives_a_step_to_the_thread_pool_fails()
        => Fails(SimulatedScheduler.LeftThread, () => Task.Run(() => { }));

    [Fact]
    public void A_run_that_goes_on_without_its_scheduler_fails()
        => Fails(SimulatedScheduler.LeftThread, async () => await _scheduler.Time.Delay(TimeSpan.FromSeconds(1)).ConfigureAwait(false));

    [Fact]
    public void A_run_that_cancels_on_the_thread_pool_fails()
        => Fails(SimulatedScheduler.LeftThread, async () =>
        {
            using var source = new CancellationTokenSource();
            await using var called = source.Token.Register(() => { });
            await source.CancelAsync();
        });

    [Fact]
    public void A_run_that_waits_by_the_real_clock_fails()
        => Fails(SimulatedScheduler.LeftThread, () => Task.Delay(1));

    [Fact]
    public void A_run_in_which_nobody_can_go_on_fails()
        => Fails(SimulatedScheduler.NeverEnds, () => new TaskCompletionSource().Task);

    [Fact]
    public void A_run_that_turns_in_a_circle_fails()
        => Fails(SimulatedScheduler.NeverEnds, async () =>
        {
            while (true)
            {
                await Task.Yield();
            }
        });

    [Fact]
    public void A_step_that_waits_for_the_clock_by_looking_at_it_fails()
        => Fails(SimulatedScheduler.NeverEnds, () =>
        {
            var until = _scheduler.Time.GetTimestamp() + 1;
            while (_scheduler.Time.GetTimestamp() < until)
            {
            }

            return Task.CompletedTask;
        });

    [Fact]
    public void A_task_left_at_the_end_fails_the_run()
        => Fails(SimulatedScheduler.LeftOver, () =>
        {
            _scheduler.Start("waits", () => new TaskCompletionSource().Task);
            return Task.CompletedTask;
        });

    [Fact]
    public void A_timer_left_at_the_end_fails_the_run()
        => Fails(SimulatedScheduler.LeftOver, () =>
        {
            _scheduler.Time.CreateTimer(_ => { }, null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
            return Task.CompletedTask;
        });

    [Fact]
    public void A_task_nobody_waits_for_fails_the_run_with_what_it_threw()
    {
        var failure = Fails(SimulatedScheduler.Failed, async () =>
        {
            _ = _scheduler.Start("breaks", () => throw new InvalidOperationException("broken"));
            await _scheduler.Time.Delay(TimeSpan.FromSeconds(1));
        });
        Assert.Contains("broken", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_timer_whose_call_throws_fails_the_run()
        => Fails(SimulatedScheduler.TimerThrew, async () =>
        {
            using var source = new CancellationTokenSource(TimeSpan.FromSeconds(1), _scheduler.Time);
            await using var called = source.Token.Register(() => throw new InvalidOperationException("broken"));
            await _scheduler.Time.Delay(TimeSpan.FromSeconds(2));
        });

    private static ulong DigestOf(long seed)
    {
        var trace = new Trace();
        var scheduler = new SimulatedScheduler(SeededRandom.Of(seed, "steps"), trace);
        scheduler.Run(
            () => Task.WhenAll(Enumerable.Range(0, 10).Select(number => scheduler.Start($"task {number}", async () =>
            {
                for (var step = 0; step < 10; step++)
                {
                    await scheduler.Time.Delay(TimeSpan.FromMilliseconds(step % 2));
                    scheduler.Note("step", "task", number, step);
                }
            }))),
            TimeSpan.FromMinutes(1),
            100_000);
        return trace.Digest;
    }

    private void Run(Func<Task> main) => _scheduler.Run(main, TimeSpan.FromDays(2), 100_000);

    private SimulationException Fails(string rule, Func<Task> main)
    {
        var failure = Assert.Throws<SimulationException>(() => Run(main));
        Assert.Equal(rule, failure.Rule);
        return failure;
    }
}
