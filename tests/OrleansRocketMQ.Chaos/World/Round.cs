using System.Net;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World.Brokers;
using OrleansRocketMQ.Chaos.World.Stores;
using OrleansRocketMQ.Chaos.World.Watching;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>One round: starts everything, sends, does what the plan says, mends it, and waits until all that was sent is consumed.</summary>
internal sealed class Round(RoundPlan plan, string folder, RoundSetting setting)
{
    // A crash is noticed after four seconds and not after 15. With probes of one second a machine whose cores are all taken has silos
    // declare each other dead by itself.
    private static readonly string[] s_quickly = ["--Orleans:Membership:ProbeTimeout=00:00:02", "--Orleans:Membership:NumMissedProbesLimit=2"];

    private readonly IRoundStore _store = RoundStores.Of(plan.WantsDatabase);
    private readonly Links _links = new();
    private readonly IRoundBrokers _brokers = setting.BrokersOf(plan.Seed, folder);

    public async Task<RoundResult> RunAsync()
    {
        await using var store = _store;
        await using var links = _links;
        await using var brokers = _brokers;
        await _store.StartAsync();
        await _brokers.StartAsync(_links);
        _links.Open(IPAddress.Loopback, _store.Port);
        string[] names = _brokers.Namespace is { } ns ? [$"--RocketMQ:Namespace={ns}"] : [];
        string[] pops = plan.Pops ? [$"--RocketMQ:Consumers:{RoundTopics.Any}:ConsumeMode=Pop"] : [];
        await using var silos = new SiloFleet(
            folder, _store.SettingsAt(Links.Told), _brokers.NameServer, [.. RoundTopics.TopicsOfGroups.Keys], [.. s_quickly, .. names, .. pops], _links)
        {
            IsLinked = true,
            Build = SiloBuild.WithClock,
        };
        await using var java = setting.Java is { } program ? new JavaMember(program, _brokers, folder, plan.Pops) : null;
        try
        {
            await Task.WhenAll([.. Enumerable.Range(0, plan.Silos).Select(_ => silos.StartPatientlyAsync()), java?.StartAsync() ?? Task.CompletedTask]);
            return await TroubleAsync(silos, java);
        }
        finally
        {
            await silos.WriteLogsAsync();
            await File.WriteAllLinesAsync(Path.Join(folder, "java.log"), java?.Printed ?? []);
        }
    }

    private async Task<RoundResult> TroubleAsync(SiloFleet silos, JavaMember? java)
    {
        await using var offsets = await OffsetWatch.StartAsync(_brokers);
        await using var load = new Load(_brokers.NameServer, _brokers.Namespace, hasPoison: true);
        var events = new RoundEvents(Path.Join(folder, "events.log"));
        var supervisor = new Supervisor(plan, silos, events);
        using var over = new CancellationTokenSource();
        var (onlookers, stalls) = (new Onlookers(silos), new StallWatch());
        var watching = Task.WhenAll(supervisor.WatchAsync(over.Token), onlookers.LookAsync(over.Token), stalls.WatchAsync(over.Token));
        using var strikes = new Strikes(silos, _links, _brokers, _store, java, supervisor, offsets.History, events);
        try
        {
            await Task.WhenAll(plan.Faults.Select(strikes.StrikeAsync));
            _links.Heal();
            var balancing = new BalanceWatch(silos, _brokers.Queues, plan.Pops, java is not null).UntilBalancedAsync();
            if (plan.Lasts - events.Now is { Ticks: > 0 } left)
            {
                await Task.Delay(left);
            }

            await load.StopAsync();
            var verdict = new Verdict(silos, load, offsets, _store, hasJava: java is not null);
            var (check, figures) = await verdict.SayAsync(balancing, strikes.Struck);
            await over.CancelAsync();
            await watching;
            return new(plan, PlaceOf(strikes), load.Sent.Values.Sum(), load.Repeated, check, figures, [.. verdict.Complaints, .. supervisor.Complaints, .. onlookers.Complaints])
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
        }
    }

    private string PlaceOf(Strikes strikes)
    {
        var leftOut = plan.Faults.Select(fault => fault.Kind).Where(kind => !strikes.Can(kind)).Distinct().ToList();
        return $"{setting}, {_store.Name}{(leftOut.Count > 0 ? $", without {string.Join(", ", leftOut)}" : string.Empty)}";
    }
}
