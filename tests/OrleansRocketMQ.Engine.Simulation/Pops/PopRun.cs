using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Runner;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>One run in which messages are popped, from the first message to the last check.</summary>
internal sealed partial class PopRun
{
    public const string QuotasReturn = "quotas come back to zero";
    public const string RuleBroken = "no rule of the engine is broken";
    public const string LateIsTold = "what is done too late is told apart";

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan StopBudget = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Stragglers = TimeSpan.FromSeconds(12);
    private const long MostSteps = 100_000;

    private readonly SimulatedScheduler _scheduler;
    private readonly PopWorld _world;
    private readonly SeededRandom _random;
    private readonly PopDirectory _directory;
    private readonly List<PopMember> _members = [];

    // Those of members that are gone, too.
    private readonly List<PopMember> _all = [];
    private readonly bool[] _poisonNext = new bool[Setup.Queues];
    private int _owned;

    private PopRun(Setup setup, SimulatedScheduler scheduler, Coverage coverage)
    {
        _scheduler = scheduler;
        _world = new PopWorld(new SimulatedWorld(setup, scheduler, coverage));
        _random = SeededRandom.Of(setup.Seed, "run");
        _directory = new PopDirectory(_world);
    }

    private Setup Setup => _world.Setup;

    /// <summary>Runs it.</summary>
    /// <param name="setup">What it is like.</param>
    /// <param name="kept">How many of the last events are kept.</param>
    public static RunResult Execute(Setup setup, int kept = 0)
    {
        var trace = new Trace(kept);
        var struck = new Coverage();
        var scheduler = new SimulatedScheduler(SeededRandom.Of(setup.Seed, "steps"), trace);
        var run = new PopRun(setup, scheduler, struck);
        SimulationException? failure = null;
        try
        {
            scheduler.Run(run.MainAsync, Longest, MostSteps);
        }
        catch (SimulationException exception)
        {
            failure = exception;
        }

        var coverage = new Coverage
        {
            Runs = 1,
            Steps = scheduler.Steps,
            VirtualTicks = scheduler.Time.Now,
            Messages = run._world.Ledger.Entries.Count,
        };
        run.Count(struck, coverage.Pops);
        return new RunResult(setup, failure, trace.Digest, coverage, trace);
    }

    private void Count(Coverage struck, PopCoverage pops)
    {
        pops.Add(_world.Ledger.Coverage);
        pops.Runs = 1;
        foreach (var (kind, times) in struck.Faults)
        {
            pops.Struck(kind, times);
        }

        pops.Late = _all.SelectMany(static member => member.Holders).Sum(static holder => holder.Late);
    }

    private async Task MainAsync()
    {
        for (var member = 0; member < PopSetup.MembersOf(Setup.Seed); member++)
        {
            _members.Add(NewMember(member, isFirst: true));
        }

        _members.ForEach(member => member.Start());
        _ = _scheduler.Start("reviver", _world.ReviveAsync);
        var parts = _world.Sources.Select(log => _scheduler.Start($"sender {log.Index}", () => SendAsync(log)))
            .Concat(Setup.Faults.Select(fault => _scheduler.Start($"fault {fault.Kind}", () => HappenAsync(fault))))
            .ToList();
        parts.Add(_scheduler.Start("operator", RecoverFromTimeToTimeAsync));
        parts.Add(_scheduler.Start("watch", WatchAsync));
        await Task.WhenAll(parts);
        _world.Weather.IsHealed = true;
        await DrainAsync();
        await EndAsync();
    }

    private async Task SendAsync(PopLog log)
    {
        var random = SeededRandom.Of(Setup.Seed, $"sender {log.Index}");
        var between = Setup.Active / Setup.Messages;
        for (var sent = 0; sent < Setup.Messages;)
        {
            // In bursts, so that windows fill and run empty.
            for (var burst = random.Between(1, 12); burst > 0 && sent < Setup.Messages; burst--, sent++)
            {
                var isPoison = _poisonNext[log.Index];
                _poisonNext[log.Index] = false;
                _world.Send(log, new PopEntry(
                    _world.Ledger.Entries.Count, random.Next(2), random.Next(120), isPoison, isGone: isPoison && random.Chance(30)));
            }

            await _world.Time.Delay(between * random.Between(2, 14));
        }
    }

    private async Task RecoverFromTimeToTimeAsync()
    {
        while (_world.Time.Now < Setup.Active.Ticks)
        {
            await _world.Time.Delay(_random.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4)));
            Recover();
        }
    }

    /// <summary>What no event would show is looked at from time to time.</summary>
    private async Task WatchAsync()
    {
        var watch = new PopWatch(_world);
        while (_world.Time.Now < Setup.Active.Ticks)
        {
            await _world.Time.Delay(PopWatch.Interval);
            watch.Look(_members);
        }
    }

    /// <summary>An operator helps queues that do not recover by themselves, and no others: he would hide that they do not.</summary>
    private void Recover()
    {
        if (!Setup.AutoRecovery)
        {
            foreach (var pump in _members.SelectMany(static member => member.Running).ToArray())
            {
                pump.Recover();
            }
        }
    }

    /// <summary>Everything is well: what is left is consumed and acknowledged in bounded time.</summary>
    private async Task DrainAsync()
    {
        var until = _world.Time.Now + Setup.Drain.Ticks;
        while (!IsDrained())
        {
            if (_world.Time.Now > until)
            {
                throw new SimulationException(SimulatedScheduler.NeverEnds, Tell());
            }

            Recover();
            await _world.Time.Delay(TimeSpan.FromMilliseconds(300));
        }
    }

    private bool IsDrained()
        => _world.Hidden.Count == 0
            && !_world.Ledger.Missing().Any()
            && _world.Logs.All(static log => log.Max == (log.Stored ?? 0));

    private string Tell()
        => $"hidden {_world.Hidden.Count}, missing {string.Join(' ', _world.Ledger.Missing().Select(entry => entry.Origin).Take(10))}, "
            + string.Join(", ", _world.Logs.Where(static log => log.Max > 0).Select(log => $"{log.Id} {log.Stored}/{log.Max}"))
            + "; " + string.Join(", ", _directory.Running.Select(running => Tell(running.Queue, running.Pump)));

    private static string Tell(MessageQueue queue, IGroupQueue pump)
        => $"{queue.QueueId} {(pump as PopPump)?.State.Phase} {pump.Runs.Window.Count} '{pump.Snapshot().LastError}'";

    private async Task EndAsync()
    {
        // What members left behind that died, and what came too late, ends by itself.
        await _world.Time.Delay(Stragglers);
        CheckQuotas();
        CheckLate();
        await Task.WhenAll(_members.Select(member => member.Rebalance.StopAsync()));
        await Task.WhenAll(_members.SelectMany(member => member.Running.ToArray().Select(
            pump => member.Queues.StopQueueAsync(pump, StopBudget))));
        _world.Ledger.CheckEnd();
        CheckQuotas();
        foreach (var member in _members)
        {
            await member.StopAsync();
            member.Owner.Dispose();
        }

        await _world.EndAsync();
    }

    /// <summary>Nothing is held when all is consumed, be it that the queues still run.</summary>
    private void CheckQuotas()
    {
        foreach (var member in _members)
        {
            foreach (var budgets in _world.Logs.Select(log => member.Environment.Budgets.Of(log.Id.Topic)))
            {
                foreach (var budget in new[] { budgets.Group, budgets.Topic, budgets.TopicBytes, budgets.SiloBytes })
                {
                    if (budget.Used != 0 || budget.Waiting != 0)
                    {
                        throw new SimulationException(QuotasReturn, $"{member.Owner.Name} holds {budget.Used}, {budget.Waiting} wait");
                    }
                }
            }

            if (member.Running.FirstOrDefault(static pump => pump.Runs.Gate.Broken is not null) is { } broken)
            {
                throw new SimulationException(RuleBroken, $"{member.Owner.Name} {broken.Queue}: {broken.Runs.Gate.Broken!.Message}");
            }
        }
    }

    private void CheckLate()
    {
        foreach (var holder in _members.SelectMany(static member => member.Holders))
        {
            if (holder.Late < holder.CertainlyLate)
            {
                throw new SimulationException(LateIsTold, $"{holder.Name} counts {holder.Late} of {holder.CertainlyLate}");
            }
        }
    }
}
