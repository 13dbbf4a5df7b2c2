using OrleansRocketMQ.Engine.Simulation.Kernel;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>
/// Faults that belong together and that chance brings together too seldom, each made for one cell of the table of a queue's
/// states or for one fault of the engine. Some seeds have one, from a stream of its own: the others stay as they are.
/// </summary>
internal static class Meetings
{
    private static readonly FaultKind[] SeldomStriking =
        [FaultKind.StorageHangs, FaultKind.StorageHangs, FaultKind.SendBackAnswerLost, FaultKind.LockLost, FaultKind.StoreWriteLate];

    /// <summary>The faults that a seed has beside its others.</summary>
    public static IEnumerable<Fault> Of(Setup setup)
    {
        var random = SeededRandom.Of(setup.Seed, "meetings");
        return Enumerable.Empty<Fault>()
            .Concat(random.Chance(50) ? Cell(setup, random) : [])
            .Concat(random.Chance(10) ? AnotherBrokerSilent(random) : [])
            .Concat(random.Chance(25) && !setup.Broadcasts ? ResetWhileDown(random) : [])
            .Concat(random.Chance(20) ? Seldom(random.Pick(SeldomStriking), random) : [])
            .Concat(setup.MayStandStill && random.Chance(20) ? Seldom(FaultKind.Standstill, random) : [])
            .Concat(random.Chance(25) && setup is { Mode: Mode.Orderly, KeepsFailureCounts: true } ? FailingAtHandOver(random) : [])
            .Concat(random.Chance(25) && !setup.Broadcasts ? ViewsDiffer(random) : [])
            .Concat(random.Chance(30) && setup is { Mode: Mode.Orderly, KeepsFailureCounts: true, Broadcasts: false }
                ? KilledWhileFiling(random) : [])
            .Concat(random.Chance(40) && setup is { Mode: Mode.Orderly, SpeaksOfEach: true } ? DeadLettersRefused(random) : []);
    }

    private static Fault[] Cell(Setup setup, SeededRandom random)
    {
        var queue = random.Next(Setup.Queues);
        var at = When(random);
        var fitting = new List<Func<TimeSpan, int, SeededRandom, Fault[]>>();
        if (setup.NeedsLock)
        {
            fitting.AddRange([WithdrawnWhileLooking, LockLostWhileArriving, LockLostAfterSeek]);
        }

        if (setup.Mode != Mode.Concurrent)
        {
            fitting.Add(FencedWhileArriving);
        }

        if (setup.Mode != Mode.Orderly && setup.HasCheckpoints)
        {
            fitting.Add(OpeningToldLate);
        }

        if (setup.Mode == Mode.Concurrent && !setup.Broadcasts)
        {
            fitting.AddRange([ResumedWhileOvertaken, WithdrawnWhileOvertaken]);
        }

        if (setup is { AutoRecovery: false, Broadcasts: false })
        {
            fitting.AddRange([StoppedWhileFailing, FencedWhileFailing]);
        }

        return fitting.Count == 0 ? [] : random.Pick(fitting)(at, queue, random);
    }

    /// <summary>
    /// Somebody gives up a seek that has come true, just when the queue, which had lost its lock, looks where it is: only then
    /// does a seek meet a queue that does.
    /// </summary>
    private static Fault[] WithdrawnWhileLooking(TimeSpan at, int queue, SeededRandom random) =>
    [
        new(FaultKind.SeekWithdrawn, at - Millis(1200), Millis(1), queue, random.Next(100), "find"),
        new(FaultKind.LockTaken, at, random.Between(Millis(900), Millis(2000)), queue, random.Next(100)),
    ];

    /// <summary>
    /// What the store did not take is told once more, which the queue waits for before it begins anew; the fence closes then.
    /// </summary>
    private static Fault[] FencedWhileArriving(TimeSpan at, int queue, SeededRandom random) =>
        [.. ResetNotTaken(at, queue, random), new(FaultKind.FenceClosed, at, Millis(1500), queue, 1, "R2")];

    /// <summary>The same, and the queue's lock is lost.</summary>
    private static Fault[] LockLostWhileArriving(TimeSpan at, int queue, SeededRandom random) =>
        [.. ResetNotTaken(at, queue, random), new(FaultKind.LockTaken, at, Millis(1500), queue, 1, "R2")];

    /// <summary>
    /// The lock is lost while a queue waits for its turn to begin where somebody wanted it: the store is asked slowly whether what was
    /// told without an answer has come.
    /// </summary>
    private static Fault[] LockLostAfterSeek(TimeSpan at, int queue, SeededRandom random) =>
    [
        new(FaultKind.StoreWriteLost, at - Millis(1600), Millis(1000), queue, 0),
        new(FaultKind.StoreSlow, at - Millis(500), Millis(4500), queue, 0),
        new(FaultKind.SeekBack, at, Millis(1), queue, random.Next(100)),
        new(FaultKind.LockTaken, at, random.Between(Millis(1200), Millis(2000)), queue, 1, "S1"),
    ];

    private static Fault[] ResetNotTaken(TimeSpan at, int queue, SeededRandom random) =>
    [
        new(FaultKind.StoreWriteLost, at - Millis(100), Millis(4000), queue, 0),
        new(FaultKind.BrokerReset, at, Millis(1), queue, random.Next(100)),
    ];

    /// <summary>A queue sees by itself that its fence has opened, and is on its way elsewhere when somebody tells it.</summary>
    private static Fault[] OpeningToldLate(TimeSpan at, int queue, SeededRandom random) =>
    [
        new(FaultKind.ListenerSlow, at - Millis(1500), Millis(4000), queue, 0),
        new(FaultKind.StorageSlow, at - Millis(100), Millis(4000), queue, 0),
        new(FaultKind.FenceClosed, at, random.Between(Millis(50), Millis(140)), queue, random.Next(100)),
        new(FaultKind.BrokerReset, at - Millis(10), Millis(1), queue, 1 + (3 * random.Next(33)), "fenc"),
    ];

    /// <summary>A queue is resumed and paused that waits for listeners, as another member has gone on with it.</summary>
    private static Fault[] ResumedWhileOvertaken(TimeSpan at, int queue, SeededRandom random) =>
    [
        new(FaultKind.ListenerSlow, at - Millis(1200), Millis(3000), queue, 0),
        new(FaultKind.Overtaken, at, random.Between(Millis(60), Millis(250)), queue, 19),
        new(FaultKind.Resume, at - random.Between(Millis(1), Millis(100)), Millis(1), queue, 1, "V2"),
        new(FaultKind.Pause, at, Millis(300), queue, 1, "V2"),
    ];

    /// <summary>Somebody gives up a seek while the queue waits for listeners, as another member has gone on with it.</summary>
    private static Fault[] WithdrawnWhileOvertaken(TimeSpan at, int queue, SeededRandom random) =>
    [
        new(FaultKind.ListenerSlow, at - Millis(1200), Millis(3000), queue, 0),
        new(FaultKind.Overtaken, at, random.Between(Millis(60), Millis(250)), queue, 19),
        new(FaultKind.SeekWithdrawn, at - Millis(1200), Millis(1), queue, random.Next(100), "V2"),
    ];

    /// <summary>The fence closes while an attempt is under way that fails once more than a queue may fail.</summary>
    private static Fault[] FencedWhileFailing(TimeSpan at, int queue, SeededRandom random) =>
    [
        new(FaultKind.BrokerSilent, at - Millis(2500), Millis(6000), queue, 0),
        new(FaultKind.FenceClosed, at, random.Between(Millis(1000), Millis(3000)), queue, random.Next(100), "back"),
    ];

    /// <summary>A queue leaves while the store takes nothing of a seek, has not for some time, and nobody will say that it goes on.</summary>
    private static Fault[] StoppedWhileFailing(TimeSpan at, int queue, SeededRandom random) =>
    [
        new(FaultKind.StoreWriteLost, at - Millis(2100), Millis(6000), queue, 0),
        new(FaultKind.SeekBack, at - Millis(2000), Millis(1), queue, random.Next(100)),
        new(FaultKind.HandOver, at, Millis(1), queue, random.Next(100), "S1"),
    ];

    /// <summary>A broker forgets the group while another one takes requests and answers none.</summary>
    private static Fault[] AnotherBrokerSilent(SeededRandom random)
    {
        var (at, queue) = (When(random), random.Next(2));
        return
        [
            new(FaultKind.BrokerSilent, at - Millis(300), Millis(3000), 2, 0),
            new(FaultKind.PullForgotten, at, Millis(1500), queue, 0),
        ];
    }

    /// <summary>A queue moves while its listener fails: its new owner goes on counting.</summary>
    private static Fault[] FailingAtHandOver(SeededRandom random)
    {
        var (at, queue) = (When(random), random.Next(Setup.Queues));
        return
        [
            new(FaultKind.ListenerFails, at - Millis(800), Millis(2500), queue, random.Next(100)),
            new(FaultKind.HandOver, at, Millis(1), queue, random.Next(100)),
        ];
    }

    /// <summary>An owner dies while what has failed for the last time goes to the dead letters one by one, slowly.</summary>
    private static Fault[] KilledWhileFiling(SeededRandom random)
    {
        var (at, queue) = (When(random), random.Next(Setup.Queues));
        return
        [
            new(FaultKind.ListenerFails, at - Millis(1500), Millis(3000), queue, random.Next(100)),
            new(FaultKind.BrokerAway, at - Millis(1000), Millis(2500), Setup.Queues, random.Next(100)),
            new(FaultKind.OwnerKilled, at, random.Between(Millis(100), Millis(500)), queue % Setup.Members, random.Next(100)),
        ];
    }

    /// <summary>Nobody takes what a listener in order wants to be dead letters.</summary>
    private static Fault[] DeadLettersRefused(SeededRandom random)
        => [new(FaultKind.SendBackRefused, When(random), Millis(5000), random.Next(Setup.Queues), random.Next(100))];

    /// <summary>Members hear late of one that comes or goes, and go by views that differ meanwhile; calls between them fail.</summary>
    private static Fault[] ViewsDiffer(SeededRandom random)
    {
        var at = When(random);
        var change = random.Pick([FaultKind.MemberJoins, FaultKind.MemberLeaves, FaultKind.OwnerKilled]);
        return
        [
            new(FaultKind.MembershipLate, at - Millis(100), Millis(3000), random.Next(Setup.Members), 0),
            .. Enumerable.Range(0, 2).Select(_ => new Fault(FaultKind.StartLost, at, Millis(3000), random.Next(Setup.Queues), 0)),
            new(change, at, random.Between(Millis(100), Millis(1500)), random.Next(Setup.Members), random.Next(100)),
        ];
    }

    private static Fault[] ResetWhileDown(SeededRandom random)
        => [new(FaultKind.ResetWhileDown, When(random), Millis(1), random.Next(Setup.Queues), random.Next(100))];

    /// <summary>These often find nothing to strike, and shall come as often as the others.</summary>
    private static Fault[] Seldom(FaultKind kind, SeededRandom random)
        => [new(kind, When(random), random.Between(Millis(500), Millis(4000)), random.Next(12), random.Next(100))];

    private static TimeSpan When(SeededRandom random) => random.Between(Millis(2500), Setup.Active - Millis(6000));

    private static TimeSpan Millis(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
