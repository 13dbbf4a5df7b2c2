using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>Finds a run with fewer faults that breaks the same rule.</summary>
internal static class Shrinker
{
    public static RunResult Shrink(RunResult failed, Func<Setup, RunResult>? run = null, int events = Report.Events)
    {
        run ??= setup => SimulationRun.Execute(setup, events);
        var smallest = run(failed.Setup);
        for (var part = Math.Max(1, smallest.Setup.Faults.Count / 2); part >= 1; part /= 2)
        {
            for (var from = 0; from < smallest.Setup.Faults.Count;)
            {
                var first = from;
                var fewer = smallest.Setup.Faults.Where((_, index) => index < first || index >= first + part);
                var result = run(smallest.Setup with { Faults = [.. fewer] });
                if (result.Failure?.Rule == failed.Failure!.Rule)
                {
                    smallest = result;
                }
                else
                {
                    from += part;
                }
            }
        }

        return smallest;
    }
}
