using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Tests.Scheduling;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>A clock and a scheduler that do nothing by themselves, and chance that always waits for the full time.</summary>
internal sealed class Stepped
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    public Stepped() => Runtime = new EngineRuntime(Time, new EngineScheduler(Steps), new FullWait());

    public FakeTimeProvider Time { get; } = new();

    public StepScheduler Steps { get; } = new();

    public EngineRuntime Runtime { get; }

    /// <summary>Starts work and does all that can be done of it now.</summary>
    public Task Begin(Func<Task> work)
    {
        var begun = Steps.Begin(work);
        Steps.Run();
        return begun;
    }

    /// <summary>Starts work and does all that can be done of it now.</summary>
    public Task<T> Begin<T>(Func<Task<T>> work)
    {
        Task<T>? started = null;
        var begun = Begin((Func<Task>)(() => started = work()));
        return started is null ? throw new InvalidOperationException($"It did not start: {begun.Exception}") : started;
    }

    /// <summary>Does work that must end now.</summary>
    public void Do(Func<Task> work)
    {
        var done = Begin(work);
        Assert.True(done.IsCompleted, "It has not ended.");
        done.GetAwaiter().GetResult();
    }

    /// <summary>Does work that must end now.</summary>
    public T Get<T>(Func<Task<T>> work)
    {
        var done = Begin(work);
        Assert.True(done.IsCompleted, "It has not ended.");
        return done.GetAwaiter().GetResult();
    }

    /// <summary>What work has come to that must have ended.</summary>
    public static T ResultOf<T>(Task<T> done)
    {
        Assert.True(done.IsCompleted, "It has not ended.");
        return done.GetAwaiter().GetResult();
    }

    /// <summary>Lets time go by, in small steps, and everything happen that then happens.</summary>
    public void Wait(TimeSpan time) => Wait(time, Tick);

    /// <inheritdoc cref="Wait(TimeSpan)"/>
    public void Wait(TimeSpan time, TimeSpan step)
    {
        for (var waited = TimeSpan.Zero; waited < time; waited += step)
        {
            Time.Advance(step < time - waited ? step : time - waited);
            Steps.Run();
        }
    }

    public void Wait(double seconds) => Wait(TimeSpan.FromSeconds(seconds));

    private sealed class FullWait : Random
    {
        public override double NextDouble() => 1;
    }
}
