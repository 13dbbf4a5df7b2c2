using System.Diagnostics;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.SiloHost.Support;
using OrleansRocketMQ.SiloHost.Support.Stores;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>One round: starts everything, sends, does what the plan says, mends it, and waits until all that was sent is consumed.</summary>
internal sealed class Round(RoundPlan plan, string folder)
{
    /// <summary>After the last fault is over: what is late then is lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    // A crash is noticed after two seconds and not after 15.
    private static readonly string[] s_quickly = ["--Orleans:Membership:ProbeTimeout=00:00:01", "--Orleans:Membership:NumMissedProbesLimit=2"];

    private readonly SemaphoreSlim _brokersAreStruck = new(1);
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
            string[] pops = plan.Pops ? [$"--RocketMQ:Consumers:{RoundTopics.Any}:ConsumeMode=Pop"] : [];
            await using var silos = new SiloFleet(folder, _redis.ConnectionString, _brokers.NameServer, RoundTopics.All, [.. s_quickly, .. pops], _links);
            await Task.WhenAll(Enumerable.Range(0, plan.Silos).Select(_ => silos.StartAsync()));
            return await TroubleAsync(silos);
        }
        finally
        {
            await _redis.DisposeAsync();
        }
    }

    private async Task<RoundResult> TroubleAsync(SiloFleet silos)
    {
        await using var load = new Load(_brokers.NameServer);
        var begun = Stopwatch.GetTimestamp();
        await Task.WhenAll(plan.Faults.Select(fault => StrikeAsync(fault, silos, begun)));
        _links.Heal();
        if (plan.Lasts - Stopwatch.GetElapsedTime(begun) is { Ticks: > 0 } left)
        {
            await Task.Delay(left);
        }

        await load.StopAsync();
        var stopped = Stopwatch.GetTimestamp();
        RoundCheck check;
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500));
            check = RoundCheck.Of(silos.Records, load.Sent);
        }
        while (check.Lost.Count > 0 && Stopwatch.GetElapsedTime(stopped) < Patience);

        var complaints = check.Complaints(plan, load.Repeated)
            .Concat(silos.EndedByThemselves().Select(silo => $"a silo has ended by itself: {silo.Everything}")).ToList();
        if (complaints.Count > 0)
        {
            await File.WriteAllLinesAsync(Path.Join(folder, "silos.log"), silos.Printed);
        }

        return new(plan, load.Sent.Values.Sum(), load.Repeated, check, Stopwatch.GetElapsedTime(stopped), complaints);
    }

    // Faults of one kind that overlap do the same thing twice; the end of the first ends both, which is as good a fault.
    private async Task StrikeAsync(Fault fault, SiloFleet silos, long begun)
    {
        if (fault.At - Stopwatch.GetElapsedTime(begun) is { Ticks: > 0 } wait)
        {
            await Task.Delay(wait);
        }

        switch (fault.Kind)
        {
            case FaultKind.AddSilo:
                await silos.StartAsync();
                break;
            case FaultKind.CutConnections:
                _links.CutAll();
                break;
            case FaultKind.KillSilo or FaultKind.StopSilo or FaultKind.SuspendSilo or FaultKind.PartitionSilo or FaultKind.HalfDeadConnections:
                await StrikeSiloAsync(fault, silos);
                break;
            case FaultKind.SlowLink:
                await ForAWhileAsync(fault, () => _links.Delay = TimeSpan.FromMilliseconds(fault.Amount), () => _links.Delay = TimeSpan.Zero);
                break;
            case FaultKind.NameServerAway:
                await ForAWhileAsync(fault, () => _links.Refuse(_brokers.NameServerPort, true), () => _links.Refuse(_brokers.NameServerPort, false));
                break;
            case FaultKind.SuspendStore:
                await ForAWhileAsync(fault, _redis.Suspend, _redis.Resume);
                break;
            default:
                await StrikeBrokersAsync(fault);
                break;
        }
    }

    // One after the other: a process that is killed cannot be told anything.
    private async Task StrikeBrokersAsync(Fault fault)
    {
        await _brokersAreStruck.WaitAsync();
        try
        {
            switch (fault.Kind)
            {
                case FaultKind.KillBrokers:
                    await _brokers.KillAsync();
                    await Task.Delay(fault.Lasts);
                    await _brokers.StartAsync();
                    break;
                case FaultKind.SuspendBrokers:
                    await _brokers.SuspendAsync();
                    await Task.Delay(fault.Lasts);
                    await _brokers.ResumeAsync();
                    break;
                default:
                    await _brokers.TellAsync("stop");
                    await Task.Delay(fault.Lasts);
                    await _brokers.TellAsync("start");
                    break;
            }
        }
        finally
        {
            _brokersAreStruck.Release();
        }
    }

    private async Task StrikeSiloAsync(Fault fault, SiloFleet silos)
    {
        if (silos.Take(fault.Target) is not { } silo)
        {
            return;
        }

        switch (fault.Kind)
        {
            case FaultKind.KillSilo:
                await silo.KillAsync();
                await Task.Delay(fault.Lasts);
                await silos.StartAsync();
                break;
            case FaultKind.StopSilo:
                await silo.StopAsync();
                await silos.StartAsync();
                break;
            case FaultKind.SuspendSilo:
                await ForAWhileAsync(fault, silo.Suspend, silo.Resume);
                await ReplaceIfGoneAsync(silo, silos);
                break;
            default:
                var state = fault.Kind == FaultKind.PartitionSilo ? LinkState.Cut : LinkState.HalfDead;
                await ForAWhileAsync(fault, () => _links.Set(silo.Id, state), () => _links.Set(silo.Id, LinkState.Open));
                silos.GiveBack(silo);
                break;
        }
    }

    // A silo that was silent for so long that the others have declared it dead ends itself when it wakes.
    private static async Task ReplaceIfGoneAsync(RunningProgram silo, SiloFleet silos)
    {
        if (await EndsSoonAsync(silo))
        {
            await silos.StartAsync();
        }
        else
        {
            silos.GiveBack(silo);
        }
    }

    private static async Task<bool> EndsSoonAsync(RunningProgram silo)
    {
        for (var look = 0; look < 50 && !silo.HasEnded; look++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }

        return silo.HasEnded;
    }

    private static async Task ForAWhileAsync(Fault fault, Action begin, Action end)
    {
        begin();
        await Task.Delay(fault.Lasts);
        end();
    }
}
