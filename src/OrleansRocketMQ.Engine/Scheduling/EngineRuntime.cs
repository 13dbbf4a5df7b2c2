using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>What the engine runs on. All three are given to it, so that a simulation owns every step.</summary>
/// <param name="Time">The clock, and all timers.</param>
/// <param name="Scheduler">Where its work runs.</param>
/// <param name="Random">Chance.</param>
internal sealed record EngineRuntime(TimeProvider Time, EngineScheduler Scheduler, Random Random)
{
    /// <summary>How long to wait after so many failures on end; see <see cref="Backoff"/>.</summary>
    public TimeSpan BackOff(int failures, TimeSpan first, TimeSpan longest) => Backoff.Next(failures, first, longest, Random);
}
