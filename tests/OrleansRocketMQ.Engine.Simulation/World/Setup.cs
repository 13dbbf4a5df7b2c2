using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Simulation.Kernel;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>How messages are given to listeners.</summary>
internal enum Mode
{
    Concurrent,
    Orderly,
    KeyOrdered,

    /// <summary>In no order, and the messages are popped.</summary>
    Popped,
}

/// <summary>What a run is like, as follows from its seed: how it is set up, and which faults it has.</summary>
internal sealed record Setup
{
    /// <summary>Queues of the topic; a concurrent group has one more for what comes again.</summary>
    public const int Queues = 3;

    /// <summary>Members at the beginning, and at least.</summary>
    public const int Members = 3;

    /// <summary>No fault begins, and no message is sent, after that time.</summary>
    public static readonly TimeSpan Active = TimeSpan.FromSeconds(30);

    /// <summary>So long after everything is well again all must be consumed and committed.</summary>
    public static readonly TimeSpan Drain = TimeSpan.FromMinutes(5);

    private const int MostAims = 4;

    /// <summary>Seeds above it have more of the faults, and of the meetings of fault and state, that come seldom by chance.</summary>
    public const long EasierSeeds = 1_000_000;

    // The last one needs a queue that rests, and comes with Meetings.
    private static readonly FaultKind[] Kinds = [.. Enum.GetValues<FaultKind>().Where(kind => kind < FaultKind.ResetWhileDown)];

    // Where queues go in order of the members' names, one that joins moves many; by hashes few.
    private static readonly IAllocateStrategy[] Strategies =
        [new AverageAllocation(), new CircleAllocation(), new ConsistentHashAllocation(), new HashAllocation()];

    private static readonly FaultKind[] SeldomStriking =
        [FaultKind.StorageHangs, FaultKind.Standstill, FaultKind.SendBackAnswerLost, FaultKind.LockLost, FaultKind.StoreWriteLate];

    public required long Seed { get; init; }

    public required Mode Mode { get; init; }

    /// <summary>Messages sent to each queue.</summary>
    public required int Messages { get; init; }

    public required int Keys { get; init; }

    /// <summary>Calls under way at once for each queue.</summary>
    public required int Slots { get; init; }

    public required int Batch { get; init; }

    public required int PullBatch { get; init; }

    /// <summary>Messages a queue may hold.</summary>
    public required int QueueLimit { get; init; }

    /// <summary>Messages the queues of an owner may hold together.</summary>
    public required int SharedLimit { get; init; }

    /// <summary>Whether queues try on after failures by themselves.</summary>
    public required bool AutoRecovery { get; init; }

    /// <summary>Whether what an ordered listener has consumed is committed without its word.</summary>
    public required bool AutoCommit { get; init; }

    /// <summary>Whether an ordered group sets a key aside that fails.</summary>
    public required bool Parks { get; init; }

    /// <summary>Whether members write down what they have done beyond their commits.</summary>
    public required bool HasCheckpoints { get; init; }

    /// <summary>Whether only the place that has written a checkpoint sees it.</summary>
    public required bool HasLocalCheckpoints { get; init; }

    /// <summary>Whether members may stand still; each has a scheduler, a clock and a fence of its own then.</summary>
    public required bool MayStandStill { get; init; }

    /// <summary>Whether an ordered group keeps how often messages have failed.</summary>
    public required bool KeepsFailureCounts { get; init; }

    public required IReadOnlyList<Fault> Faults { get; init; }

    /// <summary>How the members share out the queues.</summary>
    public required IAllocateStrategy Strategy { get; init; }

    /// <summary>Whether every member gets every message, and keeps offsets of its own.</summary>
    public required bool Broadcasts { get; init; }

    /// <summary>How long messages wait for others of their batch; zero where batches are what is there.</summary>
    public required TimeSpan BatchWait { get; init; }

    /// <summary>Bytes of bodies a call gets at most, unless one message has more; null for any.</summary>
    public required int? BatchBytes { get; init; }

    /// <summary>Whether listeners say of single messages that they are to be dead letters, or when they are to come again.</summary>
    public required bool SpeaksOfEach { get; init; }

    /// <summary>Keys an ordered queue may set aside at once.</summary>
    public required int MostParked { get; init; }

    /// <summary>Whether pulls are answered in arrays of a pool, and listeners have messages for the time of a call only.</summary>
    public required bool Leases { get; init; }

    public bool IsHarder => Seed > EasierSeeds;

    public bool NeedsLock => Mode == Mode.Orderly && !Broadcasts;

    /// <summary>Messages sent, counted once for each member that gets them.</summary>
    public int MessagesInAll => Messages * Queues * (Broadcasts ? Members : 1);

    /// <summary>How a seed's run is set up.</summary>
    public static Setup Of(long seed) => PopSetup.Has(seed) ? PopSetup.Of(seed) : OfPulls(seed);

    /// <summary>A run in which messages are pulled.</summary>
    public static Setup OfPulls(long seed)
    {
        var random = SeededRandom.Of(seed, "setup");
        var pullBatch = random.Pick([4, 16, 32]);
        var broadcasts = random.Chance(20);
        var windows = SeededRandom.Of(seed, "windows");
        var setup = new Setup
        {
            Seed = seed,
            Mode = (Mode)random.Next(3),
            Broadcasts = broadcasts,
            Strategy = Strategies[SeededRandom.Of(seed, "strategy").Next(Strategies.Length)],
            Messages = broadcasts ? random.Between(60, 76) : random.Between(170, 230),
            Keys = random.Between(2, 8),
            Slots = random.Between(1, 4),
            Batch = random.Pick([1, 3, 8]),
            PullBatch = pullBatch,
            QueueLimit = pullBatch * random.Between(1, 6),
            SharedLimit = random.Pick([pullBatch, pullBatch * 3, 1000]),
            AutoRecovery = random.Chance(70),
            AutoCommit = random.Chance(60),
            Parks = random.Chance(40),
            HasCheckpoints = random.Chance(60),
            HasLocalCheckpoints = random.Chance(40),
            MayStandStill = random.Chance(25),
            KeepsFailureCounts = random.Chance(60),
            BatchWait = windows.Chance(35) ? windows.Between(Millis(50), Millis(1200)) : TimeSpan.Zero,
            BatchBytes = windows.Chance(25) ? windows.Between(40, 400) : null,
            SpeaksOfEach = windows.Chance(35),
            MostParked = windows.Pick([1, 2, 100]),
            Leases = SeededRandom.Of(seed, "leases").Chance(40),
            Faults = [.. FaultsOf(SeededRandom.Of(seed, "faults"), seed > EasierSeeds)],
        };
        setup = setup with { Leases = setup.Leases && setup.Mode == Mode.Concurrent };
        var aims = SeededRandom.Of(seed, "aims");
        return setup with
        {
            Faults =
            [
                .. setup.Faults,
                .. Enumerable.Range(0, aims.Between(1, MostAims)).SelectMany(_ => Aims.Of(setup, aims)),
                .. Meetings.Of(setup),
            ],
        };
    }

    private static IEnumerable<Fault> FaultsOf(SeededRandom random, bool isHarder)
    {
        for (var left = random.Between(5, 10); left > 0; left--)
        {
            var at = random.Between(TimeSpan.FromMilliseconds(200), Active - TimeSpan.FromSeconds(1));
            var most = random.Chance(25) ? TimeSpan.FromSeconds(8) : TimeSpan.FromSeconds(2);
            var lasts = random.Between(TimeSpan.FromMilliseconds(50), most);
            yield return new Fault(random.Pick(Kinds), at, lasts, random.Next(12), random.Next(100));
        }

        if (!isHarder)
        {
            yield break;
        }

        // These often find nothing to strike, and shall come as often as the others.
        var when = random.Between(TimeSpan.FromMilliseconds(200), Active - TimeSpan.FromSeconds(4));
        yield return new Fault(random.Pick(SeldomStriking), when, random.Between(Millis(500), Millis(4000)), random.Next(12), random.Next(100));
    }

    private static TimeSpan Millis(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
