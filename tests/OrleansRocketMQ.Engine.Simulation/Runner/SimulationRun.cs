using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.Pops;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>What became of a run.</summary>
/// <param name="Setup">What it was like.</param>
/// <param name="Failure">Why it has failed; null when it has not.</param>
/// <param name="Digest">The same for two runs that did the same.</param>
/// <param name="Coverage">What it has reached.</param>
/// <param name="Trace">What happened.</param>
internal sealed record RunResult(Setup Setup, SimulationException? Failure, ulong Digest, Coverage Coverage, Trace Trace);

/// <summary>One run, from the first message to the last check.</summary>
internal sealed partial class SimulationRun
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan StopBudget = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Stragglers = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(250);
    private const int Members = Setup.Members;
    private const string RuleBroken = "no rule of the engine is broken";
    private const string QuotasReturn = "quotas come back to zero";
    private const long MostSteps = 150_000;

    private readonly SimulatedScheduler _scheduler;
    private readonly SimulatedWorld _world;
    private readonly SeededRandom _random;
    private readonly List<Member> _members = [];
    private readonly List<string> _dead = [];
    private readonly SimulatedDirectory _directory;
    private readonly NextMessage[] _poisonNext;
    private readonly long[] _quietUntil;
    private int _owned;

    private SimulationRun(Setup setup, SimulatedScheduler scheduler, Coverage coverage)
    {
        _scheduler = scheduler;
        _world = new SimulatedWorld(setup, scheduler, coverage);
        _random = SeededRandom.Of(setup.Seed, "run");
        _directory = new SimulatedDirectory(_world);
        _poisonNext = new NextMessage[Places.Length];
        _quietUntil = new long[Places.Length];
    }

    private Setup Setup => _world.Setup;

    private Place[] Places => _directory.Places;

    /// <summary>Runs it.</summary>
    /// <param name="setup">What it is like.</param>
    /// <param name="kept">How many of the last events are kept.</param>
    public static RunResult Execute(Setup setup, int kept = 0)
    {
        if (setup.Mode == Mode.Popped)
        {
            return PopRun.Execute(setup, kept);
        }

        var trace = new Trace(kept);
        var coverage = new Coverage { Runs = 1 };
        var scheduler = new SimulatedScheduler(SeededRandom.Of(setup.Seed, "steps"), trace);
        SimulationException? failure = null;
        try
        {
            var run = new SimulationRun(setup, scheduler, coverage);
            scheduler.Run(run.MainAsync, Longest, MostSteps);
        }
        catch (SimulationException exception)
        {
            failure = exception;
        }

        coverage.Steps = scheduler.Steps;
        coverage.VirtualTicks = scheduler.Time.Now;
        return new RunResult(setup, failure, trace.Digest, coverage, trace);
    }

    private async Task MainAsync()
    {
        for (var member = 0; member < Members; member++)
        {
            _members.Add(NewMember(member, isFirst: true));
        }

        _members.ForEach(member => member.Start());
        await SettleAsync();

        var parts = Enumerable.Range(0, Setup.Queues).Select(queue => _scheduler.Start($"sender {queue}", () => SendAsync(queue)))
            .Concat(Setup.Faults.Select(fault => _scheduler.Start($"fault {fault.Kind}", () => HappenAsync(fault))))
            .ToList();
        parts.Add(_scheduler.Start("operator", RecoverFromTimeToTimeAsync));
        parts.Add(_scheduler.Start("watch", WatchAsync));
        parts.Add(_scheduler.Start("end of triggers", EndTriggersAsync));
        await Task.WhenAll(parts);
        _world.IsHealed = true;
        await SettleAsync();
        await DrainAsync();
        await EndAsync();
    }

    private async Task SendAsync(int queue)
    {
        var random = SeededRandom.Of(Setup.Seed, $"sender {queue}");
        var between = Setup.Active / Setup.Messages;
        for (var sent = 0; sent < Setup.Messages; sent++)
        {
            while (_world.Time.Now < _quietUntil[queue])
            {
                await _world.Time.Delay(between);
            }

            // In bursts, so that windows fill and run empty.
            var burst = random.Between(1, 12);
            for (; burst > 0 && sent < Setup.Messages; burst--, sent++)
            {
                var what = _poisonNext[queue];
                _poisonNext[queue] = NextMessage.Usual;
                var (key, tag, length) = (random.Next(Setup.Keys), random.Next(2), random.Next(120));
                var gap = random.Chance(10) ? random.Between(1, 3) : 0;
                foreach (var copy in _world.CopiesOf(queue))
                {
                    _world.Send(copy, gap, (origin, offset) => new SimulatedMessage(origin, offset, key, tag, length, 0, what != NextMessage.Usual)
                    {
                        IsGone = what == NextMessage.PoisonThatIsGone,
                    });
                }
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
        while (_world.Time.Now < Setup.Active.Ticks)
        {
            await _world.Time.Delay(WatchInterval);
            foreach (var place in Places)
            {
                if (place is { IsMoving: false, Queue: { IsOver: false } queue })
                {
                    queue.Watch.Look();
                }
            }
        }
    }

    /// <summary>An operator helps queues that do not recover by themselves, and no others: he would hide that they do not.</summary>
    private void Recover()
    {
        if (Setup.AutoRecovery)
        {
            return;
        }

        foreach (var place in Places)
        {
            place.Queue?.Pump.Recover();
        }
    }

    /// <summary>Everything is well: what is left is consumed and committed in bounded time.</summary>
    private async Task DrainAsync()
    {
        var until = _world.Time.Now + Setup.Drain.Ticks;
        while (!IsDrained())
        {
            if (_world.Time.Now > until)
            {
                var queues = string.Join("; ", Places.Select(place => place.Queue!.Tell()));
                throw new SimulationException(SimulatedScheduler.NeverEnds, queues);
            }

            Recover();
            await _world.Time.Delay(TimeSpan.FromMilliseconds(300));
        }
    }

    private bool IsDrained()
        => Array.TrueForAll(Places, place => !place.IsMoving)
            && _world.Ledgers.All(ledger => ledger.IsThrough)
            && _world.Queues.All(queue => queue.Messages.Count == 0 || queue.Stored == queue.Max);

    private async Task EndAsync()
    {
        // What members left behind that died, and what came too late, ends by itself.
        await _world.Time.Delay(Stragglers);
        CheckQuotas();
        await Task.WhenAll(_members.Select(member => member.Rebalance.StopAsync()));
        await Task.WhenAll(Places.Select(place => place.Queue!.StopAsync(StopBudget)));
        foreach (var ledger in _world.Ledgers)
        {
            ledger.CheckEnd();
        }

        CheckQuotas();
        foreach (var member in _members)
        {
            await member.StopAsync();
            member.Owner.Dispose();
        }

        // What was pulled and not done by a queue that has ended elsewhere is nobody's, pooled or not.
        await _world.Time.Delay(Stragglers);
        Array.ForEach(Places, static place => place.Queue!.Bodies.CheckEnd());
        _world.Coverage.Messages += _world.Queues.Sum(queue => queue.Messages.Count);
    }

    /// <summary>Nothing is held when all is consumed, be it that the queues still run.</summary>
    private void CheckQuotas()
    {
        foreach (var member in _members)
        {
            foreach (var budgets in _world.Queues.Select(queue => member.Budgets.Of(queue.Id.Topic)))
            {
                foreach (var budget in new[] { budgets.Group, budgets.Topic, budgets.TopicBytes, budgets.SiloBytes })
                {
                    if (budget.Used != 0 || budget.Waiting != 0)
                    {
                        throw new SimulationException(QuotasReturn, $"{member.Owner.Name} holds {budget.Used}, {budget.Waiting} wait");
                    }
                }
            }
        }

        if (Array.Find(Places, place => place.Queue!.Pump.Runs.Gate.Broken is not null)?.Queue is { } broken)
        {
            throw new SimulationException(RuleBroken, $"{broken.Name}: {broken.Pump.Runs.Gate.Broken!.Message}");
        }
    }

    /// <summary>What the next message of a queue is like.</summary>
    private enum NextMessage
    {
        Usual,
        Poison,
        PoisonThatIsGone,
    }
}
