using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>A cluster that is operated, in the way of today and in that of before.</summary>
internal sealed class OperationsRun(List<IHost> hosts, CallCounter calls, string group, ReportFile report)
{
    private static readonly TimeSpan LookAgainBefore = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(10);

    private readonly List<string> _table = [];

    private IGrainFactory Grains { get; } = hosts[0].Services.GetRequiredService<IGrainFactory>();

    private IConsumerGroupManagementGrain Management => Grains.GetGrain<IConsumerGroupManagementGrain>(group);

    private IGroupSettingsGrain Settings => Grains.GetGrain<IGroupSettingsGrain>(group);

    // Not the one that is asked.
    private IHost Victim => hosts[^1];

    private string VictimAddress => Victim.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress.ToParsableString();

    public async Task StartGroupAsync(int queues, TimeSpan patience)
    {
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(hosts.Select(host => host.Services.GetRequiredService<IRocketMQConsumers>().Get(group).StartAsync()));
        await UntilAsync(() => AllRun(queues), patience, () => $"{Begun()} of {queues} queues run, on {hosts.Count(host => QueuesOn(host) > 0)} silos");
        report.Say($"All queues ran {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s after the group had been started on all silos.");
        report.Say(string.Empty);
    }

    public MessageQueue QueueOfTheVictim(string topic) => ConsumerOf(Victim)!.Pumps.Keys.Where(queue => queue.Topic == topic).Order().First();

    public async Task CompareAsync(string what, int rounds, Func<Task<Cost>> now, Func<Task<Cost>> before)
    {
        var costs = (Now: new List<Cost>(), Before: new List<Cost>());
        await now();
        await before();
        for (var round = 1; round <= rounds; round++)
        {
            // In both orders, in turn.
            if (round % 2 == 0)
            {
                costs.Before.Add(await before());
                costs.Now.Add(await now());
            }
            else
            {
                costs.Now.Add(await now());
                costs.Before.Add(await before());
            }

            report.Say($"- {what}, {round}: now {Words(costs.Now[^1])}; before {Words(costs.Before[^1])}; load average {ReportFile.Load()}");
        }

        _table.Add($"| {what} | {Words(Median(costs.Now))} | {Words(Median(costs.Before))} |");
    }

    public void Tell()
    {
        report.Say(string.Empty);
        report.Say("| | now | before |");
        report.Say("|---|---|---|");
        _table.ForEach(report.Say);
    }

    public async Task<Cost> StatusAsync()
    {
        calls.Clear();
        var start = Stopwatch.GetTimestamp();
        var status = await Management.GetStatusAsync();
        var cost = calls.Since(start);
        return status.Queues.All(queue => queue.NextPullOffset >= 0) ? cost : throw new InvalidOperationException("A queue does not run.");
    }

    public async Task<Cost> StatusBeforeAsync()
    {
        var consumer = ConsumerOf(hosts[0])!;
        calls.Clear();
        var start = Stopwatch.GetTimestamp();
        await Settings.GetAsync();
        await Settings.DescribeAsync();
        var queues = await Task.WhenAll(consumer.View.Queues.Select(queue => Grains.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue)).GetStatusAsync()));
        var cost = calls.Since(start);
        return queues.All(queue => queue.NextPullOffset >= 0) ? cost : throw new InvalidOperationException("A queue does not run.");
    }

    public Task<Cost> DrainAsync() => MeasureDrainAsync(async () =>
    {
        if (await Management.DrainSiloAsync(VictimAddress) is { Count: > 0 } left)
        {
            throw new InvalidOperationException($"{left.Count} queues are left.");
        }
    });

    public Task<Cost> DrainBeforeAsync() => MeasureDrainAsync(async () =>
    {
        await Settings.DrainAsync(VictimAddress, [.. hosts.Select(host => host.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress.ToParsableString())]);
        while ((await Settings.DescribeAsync()).Where(told => told.Status.Silo == VictimAddress).Any(told => told.Queues.Count > 0))
        {
            await Task.Delay(LookAgainBefore);
        }
    });

    private async Task<Cost> MeasureDrainAsync(Func<Task> drain)
    {
        var queues = hosts.Sum(QueuesOn);
        calls.Clear();
        var start = Stopwatch.GetTimestamp();
        await drain();
        var cost = calls.Since(start);
        await Management.RestoreSiloAsync(VictimAddress);
        await UntilAsync(() => QueuesOn(Victim) > 0 && AllRun(queues), TimeSpan.FromMinutes(5), () => $"{Begun()} of {queues} queues run, {QueuesOn(Victim)} on the drained silo; {Waits()}");
        return cost;
    }

    private bool AllRun(int queues) => Begun() >= queues;

    private int Begun() => hosts.Sum(host => ConsumerOf(host)?.Pumps.Values.Count(pump => pump.HasBegun && !pump.Stopping.IsCancellationRequested) ?? 0);

    /// <summary>What those that do not run are at, and where.</summary>
    private string Waits()
    {
        var waiting = hosts
            .SelectMany((host, silo) => (ConsumerOf(host)?.Pumps.Values ?? []).Select(pump => (pump, silo)))
            .Where(one => !one.pump.HasBegun || one.pump.Stopping.IsCancellationRequested)
            .Select(one => $"silo {one.silo}: {(one.pump as QueuePump)?.State.Task}, {(one.pump.Level.LastError is { Length: > 0 } error ? error : "no error")}")
            .CountBy(text => text);
        var fenced = hosts.Select((host, silo) => (ConsumerOf(host)?.Fence.WhyClosed, silo)).Where(one => one.WhyClosed is not null);
        return $"waiting: {string.Join(" | ", waiting.Select(one => $"{one.Value} x {one.Key}"))}; "
            + $"fenced off: {string.Join(" | ", fenced.Select(one => $"silo {one.silo}: {one.WhyClosed}"))}; "
            + $"looks that see less: {string.Join(" ", hosts.Select((host, silo) => (Own: Own(host), Runs: QueuesOn(host), silo)).Where(one => one.Own != one.Runs).Select(one => $"silo {one.silo} {one.Runs}/{one.Own}"))}";
    }

    private int Own(IHost host) => ConsumerOf(host) is { } consumer ? consumer.View.QueuesOf(consumer.Client.ClientId).Count() : 0;

    // Progress goes beside the report: on a slow machine this takes minutes.
    private static async Task UntilAsync(Func<bool> condition, TimeSpan longest, Func<string> progress)
    {
        var start = Stopwatch.GetTimestamp();
        for (var told = TimeSpan.Zero; !condition();)
        {
            var elapsed = Stopwatch.GetElapsedTime(start);
            if (elapsed > longest)
            {
                throw new TimeoutException($"Not within {longest}: {progress()}.");
            }

            if (elapsed > told + TellEvery)
            {
                told = elapsed;
                await Console.Error.WriteLineAsync($"{elapsed.TotalSeconds:0} s: {progress()}");
            }

            await Task.Delay(50);
        }
    }

    private int QueuesOn(IHost host) => ConsumerOf(host)?.Pumps.Count ?? 0;

    private ConsumerGroupRuntime? ConsumerOf(IHost host) => host.Services.GetRequiredService<ConsumerRegistry>().Find(group);

    private static Cost Median(List<Cost> costs) => new(
        ReportFile.Median(costs.Select(cost => cost.Milliseconds)),
        (int)ReportFile.Median(costs.Select(cost => (double)cost.Calls)),
        (int)ReportFile.Median(costs.Select(cost => (double)cost.MostOfASilo)));

    private static string Words(Cost cost) => FormattableString.Invariant($"{cost.Calls} calls, {cost.MostOfASilo} at most at one silo, {cost.Milliseconds:0} ms");
}
