using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Runner;
using OrleansRocketMQ.Engine.Simulation.World;
using Xunit;
using Process = System.Diagnostics.Process;
using ProcessStartInfo = System.Diagnostics.ProcessStartInfo;

// Each run of seeds uses all cores, and a run that leaves its thread needs one to be found.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>The engine under many seeds, and that a seed is all one needs to see a run again.</summary>
public sealed class SimulationTests
{
    // Of which 400 are runs with pops, which are looked at by themselves.
    private const int Seeds = 2400;
    private const int Pulls = 2000;

    // A hundred runs with pops.
    private const int PopSeeds = 600;
    private const int EachKind = 100;
    private const int EachKindOfPops = 10;

    [Fact]
    public void No_seed_breaks_a_rule_and_together_they_meet_every_fault_and_every_cell_that_can_occur()
    {
        var (coverage, failures) = SeedRange.Run(1, Seeds, which: static seed => !PopSetup.Has(seed));

        Assert.True(failures.Count == 0, string.Join(Environment.NewLine, failures.Select(failure => Report.Of(Shrinker.Shrink(failure)))));
        Assert.Equal(Pulls, coverage.Runs);
        Assert.Empty(coverage.Shortcomings(EachKind));
    }

    [Fact]
    public void No_seed_in_which_messages_are_popped_breaks_a_rule_and_together_they_meet_every_fault_and_every_cell_that_can_occur()
    {
        var (coverage, failures) = SeedRange.Run(1, PopSeeds, which: PopSetup.Has);

        Assert.True(failures.Count == 0, string.Join(Environment.NewLine, failures.Select(failure => Report.Of(failure))));
        Assert.Equal(PopSeeds / 6, coverage.Pops.Runs);
        Assert.Empty(coverage.Pops.Shortcomings(EachKindOfPops));
    }

    [Fact]
    public void A_seed_does_the_same_every_time()
        => Assert.All(Enumerable.Range(1, 6), seed =>
        {
            var digest = SimulationRun.Execute(Setup.Of(seed)).Digest;
            Assert.Equal(digest, SimulationRun.Execute(Setup.Of(seed)).Digest);
        });

    // Not where something is gone through in the order of hashes of strings, which are others in each process.
    [Fact]
    public async Task A_seed_does_the_same_in_another_process()
    {
        var one = await DigestsOfAProcessAsync();

        Assert.Equal(48, one.Length);
        Assert.Equal(one, await DigestsOfAProcessAsync());

        static async Task<string[]> DigestsOfAProcessAsync()
        {
            var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
            {
                ArgumentList = { typeof(SimulationRun).Assembly.Location, "--seeds=1..48", "--digests" },
                RedirectStandardOutput = true,
            };
            using var process = Process.Start(start)!;
            var told = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return told.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        }
    }

    // What a task goes on with .NET offers to its scheduler on a thread of the pool also where on another thread it does not.
    [Fact]
    public async Task A_seed_does_the_same_on_any_thread_after_others_and_beside_others()
    {
        var seeds = Enumerable.Range(1, 48).ToArray();
        var alone = Array.Empty<string>();
        var thread = new Thread(() => alone = [.. seeds.Select(DigestOf)]);
        thread.Start();
        thread.Join();

        var together = await Task.WhenAll(seeds.Reverse().Select(seed => Task.Run(() => DigestOf(seed))));

        Assert.Equal(alone, together.Reverse());

        static string DigestOf(int seed) => Report.DigestOf(SimulationRun.Execute(Setup.Of(seed)));
    }

    [Fact]
    public void Every_seed_has_three_members_five_hundred_messages_and_five_faults_at_least()
        => Assert.All(Enumerable.Range(1, 1000), seed =>
        {
            var setup = Setup.Of(seed);
            Assert.True(Setup.Members >= 3);
            Assert.True(setup.MessagesInAll >= 500);
            Assert.True(setup.Faults.Count >= 5);
        });

    [Fact]
    public void A_failing_run_is_shrunk_to_the_faults_that_matter()
    {
        var first = new Fault(FaultKind.Pause, TimeSpan.Zero, TimeSpan.Zero, 0, 100);
        var second = new Fault(FaultKind.SeekBack, TimeSpan.Zero, TimeSpan.Zero, 0, 100);
        var setup = Setup.Of(1);
        setup = setup with { Faults = [.. setup.Faults, first, .. Setup.Of(2).Faults, second] };

        var shrunk = Shrinker.Shrink(Run(setup), Run);

        Assert.Equal([first, second], shrunk.Setup.Faults);

        RunResult Run(Setup tried) => new(
            tried,
            tried.Faults.Contains(first) && tried.Faults.Contains(second) ? new SimulationException("rule", "broken") : null,
            0,
            new Coverage(),
            new Trace());
    }
}
