using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Hosting;

/// <summary>What the engine runs on in a silo: the thread pool, so that no grain's turn is held.</summary>
internal static class SiloRuntime
{
    public static EngineRuntime Of(TimeProvider time) => new(time, EngineScheduler.Pool, Random.Shared);
}
