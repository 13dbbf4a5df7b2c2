using System.Diagnostics;
using System.Globalization;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>
/// <c>--seed=N</c> runs one seed and tells its last events, 400 or as many as <c>--events=M</c> says; <c>--whole</c> does not shrink.
/// <c>--seeds=A..B</c> runs many, and shrinks the first that fails; <c>--all</c> does not end at the first failure,
/// <c>--pops</c> runs those only in which messages are popped. With <c>--digests</c> it runs them one by one and tells of each what
/// it has done as a number.
/// </summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        var seed = Value(arguments, "--seed=");
        if (seed is not null && long.TryParse(seed, CultureInfo.InvariantCulture, out var one))
        {
            return Replay(one, arguments);
        }

        var range = Value(arguments, "--seeds=")?.Split("..");
        if (range is [var from, var to]
            && long.TryParse(from, CultureInfo.InvariantCulture, out var first)
            && long.TryParse(to, CultureInfo.InvariantCulture, out var last))
        {
            return arguments.Contains("--digests") ? TellDigests(first, last, arguments) : RunMany(first, last, arguments);
        }

        Console.Error.WriteLine("--seed=N [--events=M] [--whole] or --seeds=A..B [--all] [--pops] [--digests]");
        return 2;
    }

    private static int Replay(long seed, string[] arguments)
    {
        var events = int.TryParse(Value(arguments, "--events="), CultureInfo.InvariantCulture, out var most) ? most : Report.Events;
        var result = SimulationRun.Execute(Setup.Of(seed), events);
        Console.WriteLine(result.Failure is null
            ? $"seed {seed} ({result.Setup.Mode}): {result.Coverage.Steps} steps, digest {result.Digest:x16}"
            : Report.Of(arguments.Contains("--whole") ? result : Shrinker.Shrink(result, events: events), events));
        return result.Failure is null ? 0 : 1;
    }

    private static int TellDigests(long first, long last, string[] arguments)
    {
        for (var seed = first; seed <= last; seed++)
        {
            if (!arguments.Contains("--pops") || PopSetup.Has(seed))
            {
                Console.WriteLine(Report.DigestOf(SimulationRun.Execute(Setup.Of(seed))));
            }
        }

        return 0;
    }

    private static int RunMany(long first, long last, string[] arguments)
    {
        var watch = Stopwatch.StartNew();
        var mostFailures = arguments.Contains("--all") ? int.MaxValue : 1;
        var (coverage, failures) = SeedRange.Run(first, last, mostFailures, which: arguments.Contains("--pops") ? PopSetup.Has : null);
        Console.WriteLine(Report.Of(coverage, watch.Elapsed));
        foreach (var rule in failures.GroupBy(failure => failure.Failure!.Rule))
        {
            var seeds = string.Join(' ', rule.Take(20).Select(failure => failure.Setup.Seed));
            Console.WriteLine($"{rule.Count()} failures of the rule '{rule.Key}', seeds {seeds}");
            Console.WriteLine(Report.Of(arguments.Contains("--whole") ? rule.First() : Shrinker.Shrink(rule.First())));
        }

        return failures.Count == 0 ? 0 : 1;
    }

    private static string? Value(string[] arguments, string name)
        => Array.Find(arguments, argument => argument.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
}
