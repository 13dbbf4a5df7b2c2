using System.Diagnostics;
using System.Net;
using System.Text.Json;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.Chaos.World.Stores;

namespace OrleansRocketMQ.Chaos.Upgrade;

/// <summary>
/// Three silos of a release are replaced one by one by silos of the present, then these by those again. In each direction an operator
/// acts at dashboards of both, and one silo is killed instead of stopped.
/// </summary>
internal sealed class UpgradeRun(SiloBuild release, SiloBuild present, string folder, Action<string> say)
{
    private const int Silos = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly RedisStore _store = new();
    private readonly Links _links = new();
    private readonly BrokerProcess _brokers = new(Path.Join(folder, "store"));
    private readonly List<StartedSilo> _silos = [];
    private readonly List<StartedSilo> _all = [];
    private readonly List<string> _complaints = [];
    private int _repeated;
    private int _mayRepeat;

    public async Task<List<string>> RunAsync()
    {
        await _store.StartAsync();
        try
        {
            await using var links = _links;
            await using var brokers = _brokers;
            await _brokers.StartAsync();
            _links.Open([.. _brokers.Ports]);
            string[] settings =
            [
                $"--RocketMQ:Consumers:{RoundTopics.Everywhere}:MessageModel=Broadcasting",

                // So that a message that is held does not hold up its queue.
                $"--RocketMQ:Consumers:{RoundTopics.Any}:ConsumeMaxSpan=60000",

                // Nobody is to be taken for dead who merely gets no processor, while two versions are built beside it.
                "--Orleans:Membership:ProbeTimeout=00:00:02",
                "--Orleans:Membership:NumMissedProbesLimit=4",
            ];
            await using var fleet = new SiloFleet(folder, _store.SettingsAt(IPAddress.Loopback), _brokers.NameServer, [.. RoundTopics.All, RoundTopics.Everywhere], settings, _links);
            try
            {
                await RollBothWaysAsync(fleet);
            }
            catch (Exception exception) when (exception is TimeoutException or HttpRequestException or InvalidOperationException)
            {
                // What silos have said tells why.
                _complaints.Add(exception.Message);
            }

            await WriteLogsAsync();
            _complaints.AddRange(fleet.TakeEnded().Select(silo => $"a silo has ended by itself: {silo.Program.Everything}"));
            _complaints.AddRange(Warnings.Unexpected(_all, say));
        }
        finally
        {
            await _store.DisposeAsync();
        }

        return _complaints;
    }

    private async Task RollBothWaysAsync(SiloFleet fleet)
    {
        var started = await Task.WhenAll(Enumerable.Range(1, Silos).Select(number => fleet.StartAsync(release, $"silo-{number}")));
        _silos.AddRange(started);
        _all.AddRange(started);
        say("| step | came again | may come again |");
        say("|---|---|---|");
        await using var load = new Load(_brokers.NameServer);
        await SettleAsync(fleet, load, $"three silos of {release}");
        await RollAsync(fleet, load, release, present);
        await RollAsync(fleet, load, present, release);
        await load.StopAsync();
        await SettleAsync(fleet, load, "all was sent");
        _complaints.AddRange(BroadcastCheck.Complaints(_all, load.Sent));
    }

    private async Task WriteLogsAsync()
    {
        foreach (var silo in _all)
        {
            var printed = silo.Program.Output.Concat(silo.Program.Errors);
            await File.WriteAllLinesAsync(Path.Join(folder, $"{silo.Name}-{silo.Program.Id}-{silo.Build}.log"), printed);
        }
    }

    private async Task RollAsync(SiloFleet fleet, Load load, SiloBuild from, SiloBuild to)
    {
        using (var before = new Operator(_silos[0]))
        {
            await before.ActAsync(RoundTopics.ByQueue, "pause", new { });
            await before.ActAsync(RoundTopics.Any, "limit", new { topic = RoundTopics.Any, messagesPerSecond = 5000 });
        }

        await ReplaceAsync(fleet, 0, to);
        await OperateAsync(fleet, load, from, to);
        await KillAsync(fleet, load, 1, to);
        await ReplaceAsync(fleet, 2, to);
        await SettleAsync(fleet, load, $"the last {from} is a {to}");
        await UntilHealthyAsync();
    }

    /// <summary>What is set at one version holds at the other, and either can move what the other has.</summary>
    private async Task OperateAsync(SiloFleet fleet, Load load, SiloBuild from, SiloBuild to)
    {
        using var after = new Operator(_silos[0]);
        using var before = new Operator(_silos[2]);
        await Eventually.TrueAsync(async () => Operator.IsSo(await after.GroupAsync(RoundTopics.ByQueue), "isPaused"), $"{to} knows that {from} has paused the group");
        await after.ActAsync(RoundTopics.ByQueue, "resume", new { });
        await Eventually.TrueAsync(async () => !Operator.IsSo(await before.GroupAsync(RoundTopics.ByQueue), "isPaused"), $"{from} knows that {to} has resumed the group");
        await UntilAllRunAsync(after);
        await SettleAsync(fleet, load, $"one {from} is a {to}; paused and limited at the one, resumed at the other");
        await UntilHealthyAsync();

        foreach (var (who, there) in new[] { (after, _silos[0]), (before, _silos[2]), (before, _silos[0]), (after, _silos[2]) })
        {
            var group = await who.GroupAsync(RoundTopics.ByKey);
            var queue = Operator.QueuesOf(group).First(queue => queue.Topic == RoundTopics.ByKey && queue.Silo != AddressOf(group, there));
            var place = new { topic = queue.Topic, broker = queue.Broker, queueId = queue.QueueId };
            await who.ActAsync(RoundTopics.ByKey, "move", new { place.topic, place.broker, place.queueId, silo = AddressOf(group, there) });
            await who.ActAsync(RoundTopics.ByKey, "release", place);
        }

        await SettleAsync(fleet, load, "queues moved between versions, from both dashboards, and given back");
        foreach (var (who, drained) in new[] { (after, _silos[2]), (before, _silos[0]) })
        {
            foreach (var name in RoundTopics.All)
            {
                var silo = AddressOf(await who.GroupAsync(name), drained);
                await who.ActAsync(name, "drain", new { silo });
                await who.ActAsync(name, "restore", new { silo });
            }
        }

        await UntilAllRunAsync(after);
        await SettleAsync(fleet, load, "silos of both versions drained from the other's dashboard, and restored");
        await StopByRuleAsync(fleet, shows: to == present ? after : before, resumes: to == present ? before : after);
        await SettleAsync(fleet, load, $"queues stopped by a rule of {present}, resumed at the dashboard of {release}");
        foreach (var who in new[] { after, before })
        {
            var (since, sent) = (DateTimeOffset.UtcNow, SentTo(load, RoundTopics.Any));
            await Task.Delay(TimeSpan.FromSeconds(2));
            await who.ActAsync(RoundTopics.Any, "seek", new { topic = RoundTopics.Any, target = "time", time = since.AddMilliseconds(-500) });
            _mayRepeat += SentTo(load, RoundTopics.Any) - sent + Load.MostPerSecond;
            await SettleAsync(fleet, load, $"a seek two seconds back at the dashboard of {(who == after ? to : from)}");
        }
    }

    /// <summary>Only silos of the present have the rule; the one that keeps what is stopped may be older.</summary>
    private static async Task StopByRuleAsync(SiloFleet fleet, Operator shows, Operator resumes)
    {
        await File.WriteAllTextAsync(fleet.RefuseFile, string.Empty);
        await Eventually.TrueAsync(async () => await FailedAsync() > 0, "a queue is stopped by the rule");
        await Task.Delay(TimeSpan.FromSeconds(3));
        File.Delete(fleet.RefuseFile);
        await resumes.ActAsync(RoundTopics.ByQueue, "resume", new { });
        await Eventually.TrueAsync(async () => await FailedAsync() == 0, "all queues go on");

        async Task<int> FailedAsync()
            => Operator.QueuesOf(await shows.GroupAsync(RoundTopics.ByQueue)).Count(queue => queue.HasFailed);
    }

    private async Task ReplaceAsync(SiloFleet fleet, int place, SiloBuild to)
    {
        var silo = _silos[place];
        fleet.Leave(silo);
        if (await silo.Program.StopAsync() is { ExitCode: not 0 } stopped)
        {
            _complaints.Add($"{silo.Name} of {silo.Build} ended with {stopped.ExitCode}");
        }

        _silos[place] = await fleet.StartAsync(to, silo.Name);
        _all.Add(_silos[place]);
    }

    /// <summary>A silo that holds one message, behind which much is done, is killed: those of the other version read its checkpoints.</summary>
    private async Task KillAsync(SiloFleet fleet, Load load, int place, SiloBuild to)
    {
        var silo = _silos[place];
        await File.WriteAllTextAsync(fleet.HoldFile, string.Empty);
        var bound = CrashBound();
        var (behind, enough) = (0, bound * 5 / 4);
        await Eventually.TrueAsync(
            () => (behind = HeldBack.Behind(fleet.Records, silo.Records)) > enough,
            () => $"{enough} messages are done behind one that is held; it is {behind}",
            Patience);
        fleet.Leave(silo);
        await silo.Program.KillAsync();
        silo.WasKilled = true;
        File.Delete(fleet.HoldFile);
        _mayRepeat += RoundTopics.All.Count * bound;
        _silos[place] = await fleet.StartAsync(to, silo.Name);
        _all.Add(_silos[place]);
        await SettleAsync(fleet, load, $"one {silo.Build} killed with {behind} messages done behind one that hangs, and a {to} in its place");
    }

    // Nothing repeats what was not allowed to at the step before.
    private async Task SettleAsync(SiloFleet fleet, Load load, string step)
    {
        var sent = load.SentUntilNow();
        var begun = Stopwatch.GetTimestamp();
        RoundCheck check;
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500));
            check = RoundCheck.Of(fleet.Records, sent);
        }
        while (check.Lost.Count > 0 && Stopwatch.GetElapsedTime(begun) < Patience);

        var again = check.Again - load.Repeated - _repeated;
        say($"| {step} | {Math.Max(0, again)} | {_mayRepeat} |");
        if (again > _mayRepeat)
        {
            _complaints.Add($"{step}: {again} messages came again, of {_mayRepeat} at most");
        }

        if (check.Lost.Count > 0)
        {
            _complaints.Add($"{step}: {check.Lost.Count} messages are lost, such as {string.Join(", ", check.Lost.Take(5))}");
        }

        if (check.OutOfOrder.Count > 0)
        {
            _complaints.Add($"{step}: {check.OutOfOrder.Count} messages out of order, such as {string.Join(", ", check.OutOfOrder.Take(5))}");
        }

        _repeated += Math.Max(0, again);
        _mayRepeat = 0;
    }

    private static Task UntilAllRunAsync(Operator who) => Eventually.TrueAsync(
        async () =>
        {
            var groups = await Task.WhenAll(RoundTopics.All.Select(who.GroupAsync));
            return groups.All(group => group.GetProperty("silos").GetArrayLength() == Silos && group.GetProperty("silos").EnumerateArray().All(silo => silo.TryGetProperty("queues", out _)));
        },
        "each silo has queues of each group");

    private async Task UntilHealthyAsync()
    {
        foreach (var silo in _silos)
        {
            using var who = new Operator(silo);
            var said = string.Empty;
            try
            {
                await Eventually.TrueAsync(async () => (said = await who.HealthAsync()).StartsWith("Healthy", StringComparison.Ordinal), "healthy");
            }
            catch (TimeoutException)
            {
                _complaints.Add($"{silo.Name} of {silo.Build} is not healthy: {said}");
            }
        }
    }

    // What a silo consumes of a topic in the time of two checkpoints, and what its listeners have.
    private static int CrashBound() => (2 * Load.MostPerSecond / Silos) + 64;

    private static int SentTo(Load load, string topic) => load.SentUntilNow().Where(key => key.Key.Topic == topic).Sum(key => key.Value);

    private static string AddressOf(JsonElement group, StartedSilo silo)
        => Operator.AddressOf(group, silo) ?? throw new InvalidOperationException($"The group does not run on {silo.Name}.");
}
