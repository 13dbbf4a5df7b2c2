using System.Collections.Concurrent;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>Runs many seeds, each on one thread of its own from its beginning to its end.</summary>
internal static class SeedRange
{
    /// <summary>Runs the seeds from one to another.</summary>
    /// <param name="first">The first seed.</param>
    /// <param name="last">The last one.</param>
    /// <param name="mostFailures">It ends early after so many failures.</param>
    public static (Coverage Coverage, IReadOnlyList<RunResult> Failures) Run(long first, long last, int mostFailures = 1)
    {
        var total = new Coverage();
        var failures = new ConcurrentBag<RunResult>();
        Parallel.For(first, last + 1, (seed, loop) =>
        {
            var result = SimulationRun.Execute(Setup.Of(seed));
            lock (total)
            {
                total.Add(result.Coverage);
            }

            if (result.Failure is not null)
            {
                failures.Add(result);
                if (failures.Count >= mostFailures)
                {
                    loop.Stop();
                }
            }
        });
        return (total, [.. failures.OrderBy(failure => failure.Setup.Seed)]);
    }
}
