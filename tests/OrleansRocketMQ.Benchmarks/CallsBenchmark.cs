using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Placement;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>A grain whose call does nothing.</summary>
internal interface ICalledGrain : IGrainWithIntegerKey
{
    ValueTask<int> CallAsync(int number, CancellationToken cancellationToken);
}

/// <inheritdoc/>
[PreferLocalPlacement]
internal sealed class CalledGrain : Grain, ICalledGrain
{
    public ValueTask<int> CallAsync(int number, CancellationToken cancellationToken) => ValueTask.FromResult(number);
}

/// <summary>
/// What a call of Orleans costs by itself, below which no listener grain of a key can be called: to few grains and to many, on this
/// silo and on another one in this process, with a token that may be cancelled and without one. Both sides of a call are counted.
/// <c>calls --grains 20,1000,100000 --calls 500000 --callers 20 --rounds 3</c>
/// </summary>
internal static class CallsBenchmark
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (calls, callers) = (arguments.Number("calls", 500_000), arguments.Number("callers", 20));
        var hosts = await ManySilos.StartAsync(2, static (_, _) => { });
        var here = hosts[0].Services.GetRequiredService<IGrainFactory>();
        var report = new ReportFile(arguments);
        report.Begin("What a call of Orleans costs", string.Create(
            CultureInfo.InvariantCulture, $"{calls:N0} calls by {callers} callers at once, {arguments.Number("rounds", 3)} rounds behind one that is not counted."));
        report.Say("| grains | where | token | CPU s per million calls, median (lowest, highest) | bytes allocated per call |");
        report.Say("|---|---|---|---|---|");
        var first = 0;
        foreach (var grains in Arguments.Numbers(arguments["grains"] ?? "20,1000,100000"))
        {
            foreach (var (host, where) in hosts.Zip(["here", "another silo"]))
            {
                // They begin where they are called from first.
                await CallAllAsync(host.Services.GetRequiredService<IGrainFactory>(), first, grains, grains, callers, CancellationToken.None);
                using var cancellation = new CancellationTokenSource();
                await MeasureAsync("none", CancellationToken.None);
                await MeasureAsync("one", cancellation.Token);
                first += grains;

                async Task MeasureAsync(string named, CancellationToken token)
                {
                    var (cpu, bytes) = (new List<double>(), new List<double>());
                    for (var round = 0; round <= arguments.Number("rounds", 3); round++)
                    {
                        GC.Collect();
                        var begin = ProcessFigures.Now();
                        await CallAllAsync(here, first, grains, calls, callers, token);
                        var end = ProcessFigures.Now();
                        if (round > 0)
                        {
                            cpu.Add((end.Cpu - begin.Cpu).TotalSeconds / calls * 1_000_000);
                            bytes.Add((end.Allocated - begin.Allocated) / (double)calls);
                        }
                    }

                    var spread = new Spread(cpu);
                    report.Record($"call, {where}, token: {named}", "CPU s per million", spread, grains);
                    report.Say($"| {grains} | {where} | {named} | {spread} | {new Spread(bytes).Median:0} |");
                }
            }
        }

        await report.WriteAsync();
        Environment.Exit(0);
        return 0;
    }

    /// <summary>Calls grains in turn, each caller others; the reference is made anew for each call, as for a key that has not been there lately.</summary>
    private static Task CallAllAsync(IGrainFactory factory, int first, int grains, int calls, int callers, CancellationToken token)
        => Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(
            async () =>
            {
                for (var call = caller; call < calls; call += callers)
                {
                    await factory.GetGrain<ICalledGrain>(first + (call % grains)).CallAsync(call, token);
                }
            },
            CancellationToken.None)));
}
