using System.Diagnostics;
using System.Net;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.SiloHost.Support.Stores;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>One round: starts everything, sends, does what the plan says, mends it, and waits until all that was sent is consumed.</summary>
internal sealed class Round(RoundPlan plan, string folder)
{
    /// <summary>After the last fault is over: what is late then is lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    // A crash is noticed after two seconds and not after 15.
    private static readonly string[] s_quickly = ["--Orleans:Membership:ProbeTimeout=00:00:01", "--Orleans:Membership:NumMissedProbesLimit=2"];

    private readonly RedisServer _redis = new();
    private readonly Links _links = new();
    private readonly BrokerProcess _brokers = new(Path.Join(folder, "store"));

    public async Task<RoundResult> RunAsync()
    {
        await _redis.InitializeAsync();
        try
        {
            await using var links = _links;
            await using var brokers = _brokers;
            await _brokers.StartAsync();
            _links.Open([.. _brokers.Ports]);
            _links.Open(IPAddress.Loopback, _redis.Port);
            string[] pops = plan.Pops ? [$"--RocketMQ:Consumers:{RoundTopics.Any}:ConsumeMode=Pop"] : [];
            await using var silos = new SiloFleet(folder, $"{Links.Told}:{_redis.Port}", _brokers.NameServer, RoundTopics.All, [.. s_quickly, .. pops], _links)
            {
                IsLinked = true,
                Build = SiloBuild.WithClock,
            };
            try
            {
                await Task.WhenAll(Enumerable.Range(0, plan.Silos).Select(_ => silos.StartPatientlyAsync()));
                return await TroubleAsync(silos);
            }
            finally
            {
                await silos.WriteLogsAsync();
            }
        }
        finally
        {
            await _redis.DisposeAsync();
        }
    }

    private async Task<RoundResult> TroubleAsync(SiloFleet silos)
    {
        await using var load = new Load(_brokers.NameServer);
        var events = new RoundEvents();
        var supervisor = new Supervisor(plan, silos, events);
        using var over = new CancellationTokenSource();
        var (onlookers, stalls) = (new Onlookers(silos), new StallWatch());
        var watching = Task.WhenAll(supervisor.WatchAsync(over.Token), onlookers.LookAsync(over.Token), stalls.WatchAsync(over.Token));
        try
        {
            using (var strikes = new Strikes(silos, _links, _brokers, _redis, supervisor, events))
            {
                await Task.WhenAll(plan.Faults.Select(strikes.StrikeAsync));
            }

            _links.Heal();
            if (plan.Lasts - events.Now is { Ticks: > 0 } left)
            {
                await Task.Delay(left);
            }

            await load.StopAsync();
            var stopped = Stopwatch.GetTimestamp();
            var check = await UntilConsumedAsync(silos, load, stopped);
            var settled = Stopwatch.GetElapsedTime(stopped);
            await over.CancelAsync();
            await watching;
            IReadOnlyList<string> complaints = [.. check.Complaints(plan, load.Repeated), .. supervisor.Complaints, .. onlookers.Complaints];
            return new(plan, load.Sent.Values.Sum(), load.Repeated, check, settled, complaints)
            {
                Restarts = supervisor.Restarts,
                Struck = _links.Struck,
                Shown = onlookers.Shown,
                Stalled = stalls.Longest,
            };
        }
        finally
        {
            await over.CancelAsync();
            await File.WriteAllLinesAsync(Path.Join(folder, "events.log"), events.Lines);
        }
    }

    private static async Task<RoundCheck> UntilConsumedAsync(SiloFleet silos, Load load, long stopped)
    {
        RoundCheck check;
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500));
            check = RoundCheck.Of(silos.Records, load.Sent);
        }
        while (check.Lost.Count > 0 && Stopwatch.GetElapsedTime(stopped) < Patience);
        return check;
    }
}
