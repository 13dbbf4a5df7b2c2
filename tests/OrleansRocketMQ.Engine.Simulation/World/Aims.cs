using OrleansRocketMQ.Engine.Simulation.Kernel;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>
/// Faults that belong together: some that bring a queue into a state and keep it there for a while, and one that strikes when
/// it enters it. By chance alone most states would never be met by most events.
/// </summary>
internal static class Aims
{
    private static readonly string[] Draining = ["S0", "S1", "S2", "R0", "R1", "R2", "V2"];

    private static readonly string[] States =
        ["lock", "find", "run", "paus", "fenc", "veri", "back", "halt", .. Draining, "stop", "sR", "end"];

    private static readonly FaultKind[] Seeks = [FaultKind.SeekBack, FaultKind.SeekForward];

    // Met seldom when state and fault are chosen apart from each other.
    private static readonly (string State, FaultKind Strike)[] Rare =
        [("find", FaultKind.SeekWithdrawn), ("R0", FaultKind.FenceClosed), ("V2", FaultKind.Resume), ("S2", FaultKind.FenceClosed)];

    private static readonly FaultKind[] Strikes =
    [
        FaultKind.FenceClosed, FaultKind.Pause, .. Seeks, FaultKind.SeekWithdrawn, FaultKind.HandOver, FaultKind.LockTaken,
        FaultKind.Recovery, FaultKind.BrokerReset, FaultKind.Resume, FaultKind.BrokerAway,
    ];

    /// <summary>The faults of one aim, which fits the setup.</summary>
    public static IEnumerable<Fault> Of(Setup setup, SeededRandom random)
    {
        var queue = random.Next(Setup.Queues);
        var at = random.Between(TimeSpan.FromMilliseconds(1700), Setup.Active - TimeSpan.FromSeconds(8));
        if (random.Chance(12))
        {
            return LateOpening(setup, at, queue, random);
        }

        return Strike(setup, at, queue, random);
    }

    private static IEnumerable<Fault> Strike(Setup setup, TimeSpan at, int queue, SeededRandom random)
    {
        var (state, strike) = Choose(setup, random);
        foreach (var way in WayTo(state, setup, random))
        {
            // Listeners are slow before, so that they have messages then.
            var before = IsEvent(way.Kind) ? 0 : random.Next(way.Kind == FaultKind.ListenerSlow ? 1500 : 300);
            yield return way with { At = at - Millis(before), Target = queue };
        }

        var lasts = strike switch
        {
            FaultKind.LockTaken => random.Between(Millis(900), Millis(2500)),
            FaultKind.BrokerAway => random.Between(Millis(300), Millis(1500)),
            FaultKind.Pause => random.Between(Millis(1), Millis(random.Pick([20, 300, 2000]))),
            _ => random.Between(Millis(1), Millis(random.Pick([5, 100, 800]))),
        };

        // Some are asked for before the queue enters the state, in which they are taken back.
        var asked = strike is FaultKind.SeekWithdrawn or FaultKind.Resume ? Millis(random.Next(600)) : TimeSpan.Zero;
        yield return new Fault(strike, at - asked, lasts, queue, random.Next(100), state);
    }

    /// <summary>
    /// The fence is closed for a moment while listeners have messages, and a queue that is on its way elsewhere hears of the
    /// opening late, when it has seen it by itself.
    /// </summary>
    private static Fault[] LateOpening(Setup setup, TimeSpan at, int queue, SeededRandom random)
    {
        var held = setup.NeedsLock ? FaultKind.StoreSlow : FaultKind.ListenerSlow;
        var slow = new Fault(held, at - Millis(random.Next(900)), Millis(3000), queue, random.Next(100));
        var moment = random.Between(Millis(1), Millis(30));
        return random.Next(3) switch
        {
            0 =>
            [
                slow, new(FaultKind.FenceClosed, at, moment, queue, random.Next(100)),
                new(random.Pick(Seeks), at, moment, queue, 1, "fenc"),
            ],
            1 =>
            [
                slow, new(FaultKind.StoreSlow, at, Millis(1500), queue, 0), new(FaultKind.BrokerReset, at, moment, queue, random.Next(100)),
                new(FaultKind.FenceClosed, at, moment, queue, 1, random.Pick(["R0", "R1"])),
            ],
            _ => [slow, new(FaultKind.Overtaken, at, 2 * moment, queue, random.Next(100))],
        };
    }

    private static (string State, FaultKind Strike) Choose(Setup setup, SeededRandom random)
    {
        if (random.Chance(8))
        {
            return (Triggers.ResetTold, random.Pick([FaultKind.FenceClosed, FaultKind.SeekForward, FaultKind.Pause, FaultKind.HandOver]));
        }

        if (setup.NeedsLock && random.Chance(8))
        {
            return (Triggers.LockGranted, FaultKind.HandOver);
        }

        if (setup.IsHarder && random.Chance(10))
        {
            return random.Pick(setup.NeedsLock ? [.. Rare, ("R2", FaultKind.LockTaken)] : Rare);
        }

        while (true)
        {
            // Where locks are needed, theirs are the cells that are met seldom.
            var state = random.Pick(random.Chance(30) ? Draining : States);
            var strike = setup.NeedsLock && random.Chance(20) ? FaultKind.LockTaken : random.Pick(Strikes);
            if ((setup.NeedsLock || (state != "lock" && strike != FaultKind.LockTaken)) && (state != "halt" || !setup.AutoRecovery))
            {
                return (state, strike);
            }
        }
    }

    /// <summary>What brings a queue into a state. When and which queue is filled in by the caller.</summary>
    private static IEnumerable<Fault> WayTo(string state, Setup setup, SeededRandom random)
    {
        Fault For(FaultKind kind, int least, int most, string? when = null)
            => new(kind, TimeSpan.Zero, random.Between(Millis(least), Millis(most)), 0, random.Next(100), when);
        Fault Slow(FaultKind kind) => For(kind, 2000, 3500);
        switch (state)
        {
            case "lock" or Triggers.LockGranted:
                return [For(FaultKind.LockTaken, 900, 2500)];
            case "find":
                return
                [
                    Slow(random.Pick([FaultKind.StoreSlow, FaultKind.StoreUnreadable])),
                    setup.NeedsLock && random.Chance(50) ? For(FaultKind.LockTaken, 900, 1500) : For(FaultKind.HandOverBroken, 1, 1),
                ];
            case "paus":
                return [For(FaultKind.Pause, 500, 2000)];
            case "fenc":
                return [For(FaultKind.FenceClosed, 300, 1500)];
            case "veri":
                return [Slow(random.Pick([FaultKind.StoreSlow, FaultKind.StoreUnreadable])), For(FaultKind.FenceClosed, 50, 300)];
            case "back":
                return [For(random.Pick([FaultKind.PullRefused, FaultKind.PullForgotten]), 1000, 3000)];
            case "halt":
                return [For(FaultKind.PullRefused, 4000, 7000)];
            case "V2" when setup.NeedsLock:
                return [Slow(FaultKind.StoreSlow), For(FaultKind.FenceClosed, 500, 900), For(FaultKind.LockTaken, 50, 300, "fenc")];
            case "V2":
                return [Slow(FaultKind.ListenerSlow), For(FaultKind.Overtaken, 2, random.Pick([60, 900]))];
            case "stop":
                return [Slow(FaultKind.ListenerSlow), For(FaultKind.HandOver, 1, 1)];
            case "sR":
                return
                [
                    Slow(FaultKind.StorageSlow), Slow(FaultKind.ListenerSlow), Slow(random.Pick([FaultKind.StoreSlow, FaultKind.StoreRefused])),
                    For(FaultKind.BrokerReset, 1, 1), For(FaultKind.HandOver, 1, 1, random.Pick(["R0", "R1"])),
                ];
            case "end":
                return [For(FaultKind.HandOver, 1, 1)];
            case Triggers.ResetTold:
                return [For(FaultKind.BrokerReset, 1, 1)];
            case "run":
                return [];
            default:
                var move = state[0] == 'R' ? FaultKind.BrokerReset : random.Pick(Seeks);
                return [For(move, 1, 1), .. Holding(state[1]).Select(Slow)];
        }

        IEnumerable<FaultKind> Holding(char step) => step switch
        {
            '0' => [random.Pick([FaultKind.StorageSlow, FaultKind.StorageSlow, FaultKind.StorageRefused])],
            '1' => [random.Pick([FaultKind.StoreSlow, FaultKind.StoreAnswerLost, FaultKind.StoreWriteLost, FaultKind.StoreRefused])],
            _ => setup.NeedsLock ? [FaultKind.StoreSlow] : [FaultKind.ListenerSlow, FaultKind.StoreSlow],
        };
    }

    private static bool IsEvent(FaultKind kind) => kind is FaultKind.LockTaken or FaultKind.HandOverBroken or FaultKind.Pause
        or FaultKind.FenceClosed or FaultKind.Overtaken or FaultKind.HandOver or FaultKind.BrokerReset or FaultKind.SeekBack
        or FaultKind.SeekForward;

    private static TimeSpan Millis(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
