using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>
/// Runs many seeds on a few threads of their own, each seed on one of them from its beginning to its end. The thread pool has
/// nothing to do, so that a step that leaves its thread is seen at once.
/// </summary>
internal static class SeedRange
{
    /// <summary>Runs the seeds from one to another.</summary>
    /// <param name="first">The first seed.</param>
    /// <param name="last">The last one.</param>
    /// <param name="mostFailures">It ends early after so many failures.</param>
    /// <param name="run">Runs a seed; null for a run as it follows from the seed.</param>
    /// <param name="which">Which of them; null for all.</param>
    public static (Coverage Coverage, IReadOnlyList<RunResult> Failures) Run(
        long first, long last, int mostFailures = 1, Func<Setup, RunResult>? run = null, Func<long, bool>? which = null)
    {
        run ??= setup => SimulationRun.Execute(setup);
        var (next, total, failures) = (first - 1, new Coverage(), new List<RunResult>());
        var workers = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Worker()).ToArray();
        foreach (var worker in workers)
        {
            worker.Thread = new Thread(() => RunSome(worker)) { IsBackground = true };
            worker.Thread.Start();
        }

        foreach (var worker in workers)
        {
            worker.Join();
        }

        return (total, [.. failures.OrderBy(failure => failure.Setup.Seed)]);

        void RunSome(Worker worker)
        {
            while (Interlocked.Increment(ref next) is var seed && seed <= last)
            {
                if (which?.Invoke(seed) is false)
                {
                    continue;
                }

                worker.Begin(seed);
                var result = run(Setup.Of(seed));
                lock (total)
                {
                    total.Add(result.Coverage);
                    if (result.Failure is not null)
                    {
                        failures.Add(result);
                    }

                    if (failures.Count >= mostFailures)
                    {
                        return;
                    }
                }
            }
        }
    }

    /// <summary>A thread, and the seed it is at.</summary>
    private sealed class Worker
    {
        // A run takes a tenth of a second. One that never comes back turns in a circle within one step.
        private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

        private long _seed;
        private long _since;

        public Thread Thread { get; set; } = Thread.CurrentThread;

        public void Begin(long seed)
        {
            Volatile.Write(ref _since, Environment.TickCount64);
            Volatile.Write(ref _seed, seed);
        }

        /// <summary>Waits until it has ended.</summary>
        /// <exception cref="SimulationException">It is at one seed for too long.</exception>
        public void Join()
        {
            while (!Thread.Join(TimeSpan.FromSeconds(1)))
            {
                if (Volatile.Read(ref _since) is not 0 and var since && Environment.TickCount64 - since > Longest.TotalMilliseconds)
                {
                    throw new SimulationException(SimulatedScheduler.NeverEnds, $"a step of seed {Volatile.Read(ref _seed)} does not end");
                }
            }
        }
    }
}
