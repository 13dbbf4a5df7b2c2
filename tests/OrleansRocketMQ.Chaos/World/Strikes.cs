using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World.Brokers;
using OrleansRocketMQ.Chaos.World.Stores;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>Does to a round's world what its faults say, and mends it.</summary>
internal sealed class Strikes(
    SiloFleet silos, Links links, IRoundBrokers brokers, IRoundStore store, JavaMember? java, Supervisor supervisor, OffsetHistory offsets, RoundEvents events)
    : IDisposable
{
    // Those that brokers know as well, where the group pops.
    private static readonly string[] s_strategies = ["AVG_BY_CIRCLE", "AVG"];

    private readonly ConcurrentBag<StruckFault> _struck = [];
    private readonly SemaphoreSlim _java = new(1);
    private readonly SemaphoreSlim _rolls = new(1);
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly OperatorFaults _operator = new(silos, offsets, events);
    private readonly ServerPorts _ports = new(brokers.NameServerPort, brokers.Ports, store.Port);

    /// <summary>What has happened.</summary>
    public IReadOnlyList<StruckFault> Struck => [.. _struck];

    /// <summary>Whether a fault can be done in this round's world.</summary>
    public bool Can(FaultKind kind) => kind == FaultKind.KillJava ? java is not null : brokers.Can(kind);

    /// <summary>From its time to its end. Faults of one kind that overlap may end together, which is as good a fault.</summary>
    public async Task StrikeAsync(Fault fault)
    {
        if (!Can(fault.Kind))
        {
            return;
        }

        if (fault.At - events.Now is { Ticks: > 0 } wait)
        {
            await Task.Delay(wait);
        }

        events.Add($"begins: {fault}");
        var from = Stopwatch.GetTimestamp();
        await (OperatorFaults.AreOf(fault.Kind) ? _operator.StrikeAsync(fault) : StrikeOneAsync(fault));
        _struck.Add(new(fault, from, Stopwatch.GetTimestamp(), fault.MayRepeat || java is not null));
        events.Add($"is over: {fault}");
    }

    public void Dispose()
    {
        _java.Dispose();
        _rolls.Dispose();
        _http.Dispose();
    }

    private async Task StrikeOneAsync(Fault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.RollSilos:
                await RollAsync(fault);
                break;
            case FaultKind.SlowListeners:
                await ForAWhileAsync(fault, () => File.WriteAllText(silos.SlowFile, string.Empty), () => File.Delete(silos.SlowFile));
                break;
            case FaultKind.AddSilo:
                await supervisor.StartAsync();
                break;
            case FaultKind.CutConnections:
                links.CutAll();
                break;
            case FaultKind.KillSilo or FaultKind.StopSilo or FaultKind.SuspendSilo:
                await StrikeProcessAsync(fault);
                break;
            case FaultKind.KillJava:
                await KillAsync(java!, fault);
                break;
            case FaultKind.SetClock or FaultKind.SkipTime:
                await StrikeClockAsync(fault);
                break;
            case FaultKind.SuspendStore:
                await ForAWhileAsync(fault, store.Suspend, store.Resume);
                break;
            case FaultKind.KillBrokers or FaultKind.SuspendBrokers or FaultKind.StopMaster:
                await brokers.StrikeAsync(fault, offsets.Forget);
                break;
            default:
                await StrikeLinksAsync(fault);
                break;
        }
    }

    private async Task StrikeLinksAsync(Fault fault)
    {
        var running = silos.Running;
        if (running.Count < 2)
        {
            events.Add("there are no two silos");
            return;
        }

        var silo = running[fault.Target % running.Count];
        var disturbance = LinkFaults.Of(fault, silo.AtLinks, [.. running.Where(other => other != silo).Select(other => other.AtLinks)], _ports)
            ?? throw new InvalidOperationException($"Nobody knows how to bring about {fault.Kind}.");
        var before = links.Struck;
        await ForAWhileAsync(fault, () => links.Begin(disturbance), () => links.End(disturbance));
        events.Add($"{fault.Kind} at {silo.Name}: {links.Struck - before} connections or pieces were struck by it and what else went on");
    }

    private async Task StrikeClockAsync(Fault fault)
    {
        var running = silos.Running;
        var silo = running[fault.Target % running.Count];
        await TellClockAsync(silo, fault.Kind == FaultKind.SkipTime ? "stand" : "set", fault.Amount);
        await Task.Delay(fault.Lasts);

        // As NTP does; what measures time is not set back.
        await TellClockAsync(silo, "set", -fault.Amount);
    }

    private async Task TellClockAsync(StartedSilo silo, string what, int seconds)
    {
        var query = string.Create(CultureInfo.InvariantCulture, $"chaos/clock/{what}?seconds={seconds}");
        try
        {
            using var answer = await _http.PostAsync(new Uri(silo.Web, query), content: null);
            answer.EnsureSuccessStatusCode();
            events.Add($"for {silo.Name} it is {await answer.Content.ReadAsStringAsync()}");
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            events.Add($"{silo.Name} does not answer: {exception.Message}");
        }
    }

    private async Task KillAsync(JavaMember member, Fault fault)
    {
        await _java.WaitAsync();
        try
        {
            await member.KillAsync();
            await Task.Delay(fault.Lasts);
            await member.StartAsync();
        }
        finally
        {
            _java.Release();
        }
    }

    private async Task StrikeProcessAsync(Fault fault)
    {
        if (silos.Take(fault.Target) is not { } silo)
        {
            events.Add("there are no two silos");
            return;
        }

        events.Add($"it is {silo.Name}");
        switch (fault.Kind)
        {
            case FaultKind.KillSilo:
                await silo.Program.KillAsync();
                await Task.Delay(fault.Lasts);
                await supervisor.StartAsync();
                break;
            case FaultKind.StopSilo:
                await silo.Program.StopAsync();
                await supervisor.StartAsync();
                break;
            default:
                await ForAWhileAsync(fault, () => silo.Program.Suspend(), () => silo.Program.Resume());

                // If it was silent for so long that the others have declared it dead, it ends itself when it wakes.
                silos.GiveBack(silo);
                break;
        }
    }

    // Two rolls at once would be no roll.
    private async Task RollAsync(Fault fault)
    {
        await _rolls.WaitAsync();
        try
        {
            // Java's member shares out by AVG, and a group must agree.
            var strategy = java is null ? s_strategies[fault.Target % s_strategies.Length] : "AVG";
            silos.Later = [.. RoundTopics.All.Select(group => $"--RocketMQ:Consumers:{group}:AllocateStrategy={strategy}")];
            foreach (var silo in silos.Running.Where(silos.TryTake))
            {
                await silo.Program.StopAsync();
                events.Add($"{silo.Name} is stopped; silos that start share out queues by {strategy}");
                await supervisor.StartAsync();
            }
        }
        finally
        {
            _rolls.Release();
        }
    }

    private static async Task ForAWhileAsync(Fault fault, Action begin, Action end)
    {
        begin();
        await Task.Delay(fault.Lasts);
        end();
    }
}
