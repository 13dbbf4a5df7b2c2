using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Tests.Scheduling;

/// <summary>What is given to the engine's scheduler runs there, and nothing of it where it was asked for.</summary>
public sealed class EngineSchedulerTests
{
    private readonly StepScheduler _steps = new();
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Work_asked_for_in_a_turn_goes_on_by_the_scheduler_and_leaves_the_turn_alone()
    {
        var (turn, scheduler) = (new StepScheduler(), new EngineScheduler(_steps));
        var where = new List<TaskScheduler>();
        var working = Task.CompletedTask;
        turn.Begin(() =>
        {
            working = scheduler.Run(async () =>
            {
                where.Add(TaskScheduler.Current);
                await Task.Delay(TimeSpan.FromSeconds(1), _time);
                where.Add(TaskScheduler.Current);
            });
            return Task.CompletedTask;
        });
        turn.Run();
        var taken = turn.Taken;

        _steps.Run();
        _time.Advance(TimeSpan.FromSeconds(1));
        _steps.Run();
        turn.Run();

        Assert.True(working.IsCompletedSuccessfully);
        Assert.Equal([_steps, _steps], where);
        Assert.Equal(taken, turn.Taken);
    }

    [Fact]
    public void Work_that_outlives_its_caller_takes_no_context_along()
    {
        var context = new AsyncLocal<string> { Value = "of the caller" };
        var seen = new List<string?>();

        new EngineScheduler(_steps).Start(() =>
        {
            seen.Add(context.Value);
            return Task.CompletedTask;
        });
        context.Value = "of the scheduler";
        _steps.Run();

        Assert.Equal(["of the scheduler"], seen);
    }

    [Fact]
    public void A_loop_that_fails_begins_anew_after_a_second_and_ends_when_it_is_told_to()
    {
        using var stopping = new CancellationTokenSource();
        var begun = 0;
        var loop = new EngineScheduler(_steps).StartLoop(
            "loop",
            () =>
            {
                begun++;
                throw new InvalidOperationException("unexpected");
            },
            _time,
            NullLogger.Instance,
            stopping.Token);
        _steps.Run();
        Assert.Equal(1, begun);

        _time.Advance(TimeSpan.FromSeconds(1));
        _steps.Run();
        Assert.Equal(2, begun);
        stopping.Cancel();
        _steps.Run();

        Assert.True(loop.IsCompletedSuccessfully);
        Assert.Equal(2, begun);
        Assert.Equal(0, _steps.Foreign);
    }

    [Fact]
    public void A_loop_that_fails_begins_anew_also_when_the_log_cannot_be_written()
    {
        using var stopping = new CancellationTokenSource();
        var begun = 0;
        var loop = new EngineScheduler(_steps).StartLoop(
            "loop",
            () => ++begun == 1 ? throw new InvalidOperationException("unexpected") : Task.CompletedTask,
            _time,
            new FullLog(),
            stopping.Token);
        _steps.Run();
        _time.Advance(TimeSpan.FromSeconds(1));
        _steps.Run();

        Assert.True(loop.IsCompletedSuccessfully);
        Assert.Equal(2, begun);
    }

    [Fact]
    public void A_token_is_fired_by_the_scheduler_and_what_its_callbacks_throw_is_theirs()
    {
        using var source = new CancellationTokenSource();
        var calls = 0;
        source.Token.Register(() => calls++);
        source.Token.Register(() => throw new InvalidOperationException("of a callback"));
        var scheduler = new EngineScheduler(_steps);

        scheduler.Cancel(source);
        Assert.Equal(0, calls);
        _steps.Run();

        Assert.Equal(1, calls);
        Assert.True(source.IsCancellationRequested);
    }

    [Fact]
    public void On_the_thread_pool_everybody_sees_at_once_that_a_token_has_fired()
    {
        using var source = new CancellationTokenSource();

        EngineScheduler.Pool.Cancel(source);

        Assert.True(source.IsCancellationRequested);
    }

    private sealed class FullLog : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => throw new IOException("the disk of the log is full");
    }
}
