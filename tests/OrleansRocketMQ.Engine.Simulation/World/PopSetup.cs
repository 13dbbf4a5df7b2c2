using OrleansRocketMQ.Engine.Simulation.Kernel;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>What a run is like in which messages are popped. Each so many seeds are such runs.</summary>
internal static class PopSetup
{
    /// <summary>How long a broker holds a pop that finds nothing.</summary>
    public static readonly TimeSpan PollTime = TimeSpan.FromSeconds(1);

    /// <summary>The faults such a run may have; those that strike the books of pulls have nothing to strike there.</summary>
    public static readonly IReadOnlyList<FaultKind> Kinds =
    [
        FaultKind.PullSlow, FaultKind.PullLost, FaultKind.PullRefused, FaultKind.PullForgotten, FaultKind.PullFlowControl,
        FaultKind.TellingLost, FaultKind.TellingUnheard, FaultKind.TellingLate, FaultKind.TellingDoubled, FaultKind.TellingRefused,
        FaultKind.BrokerAway, FaultKind.BrokerSilent, FaultKind.BrokerRestart,
        FaultKind.FenceClosed, FaultKind.Standstill, FaultKind.OwnerKilled, FaultKind.MemberJoins, FaultKind.MemberLeaves,
        FaultKind.MembershipLate, FaultKind.StartLost, FaultKind.HandOver, FaultKind.ModeSwitch,
        FaultKind.ListenerFails, FaultKind.ListenerSlow, FaultKind.ListenerHangs, FaultKind.ListenerIgnoresToken,
        FaultKind.ListenerHoldsThread, FaultKind.ListenerUnreachable, FaultKind.Poison,
        FaultKind.SendBackRefused, FaultKind.SendBackAnswerLost,
        FaultKind.Pause, FaultKind.RateLimit, FaultKind.SeekBack, FaultKind.SeekForward, FaultKind.SubscriptionChange,
        FaultKind.Recovery,
    ];

    private static readonly (FaultKind Lasting, FaultKind Striking)[] Pairs =
    [
        (FaultKind.StartLost, FaultKind.HandOver), (FaultKind.StartLost, FaultKind.ModeSwitch),
        (FaultKind.MembershipLate, FaultKind.MemberJoins), (FaultKind.MembershipLate, FaultKind.OwnerKilled),
        (FaultKind.TellingLost, FaultKind.ListenerSlow), (FaultKind.TellingRefused, FaultKind.ListenerSlow),
        (FaultKind.PullRefused, FaultKind.FenceClosed), (FaultKind.PullRefused, FaultKind.Pause),
        (FaultKind.Pause, FaultKind.FenceClosed), (FaultKind.ListenerSlow, FaultKind.FenceClosed),
        (FaultKind.SendBackAnswerLost, FaultKind.Poison), (FaultKind.SendBackRefused, FaultKind.Poison),
        (FaultKind.ListenerSlow, FaultKind.BrokerRestart), (FaultKind.ListenerSlow, FaultKind.Standstill),
        (FaultKind.BrokerSilent, FaultKind.MemberLeaves),
    ];

    private const int Every = 6;

    private const int MostMembers = 5;

    public static bool Has(long seed) => seed % Every == 0;

    /// <summary>How many members there are at first: more than queues in some runs, so that a queue is shared out.</summary>
    public static int MembersOf(long seed) => SeededRandom.Of(seed, "members").Between(Setup.Members, MostMembers);

    /// <summary>For how long a broker keeps from others what was popped.</summary>
    public static TimeSpan InvisibleTimeOf(long seed) => TimeSpan.FromSeconds(SeededRandom.Of(seed, "invisible time").Pick([2, 3, 5]));

    /// <summary>Whether the broker brings again what was popped in retry topics of the second version.</summary>
    public static bool HasRetriesOfVersion2(long seed) => SeededRandom.Of(seed, "version of retries").Chance(50);

    public static Setup Of(long seed)
    {
        var random = SeededRandom.Of(seed, "pops");
        return Setup.OfPulls(seed) with
        {
            Mode = Mode.Popped,
            Broadcasts = false,
            Messages = random.Between(170, 230),
            Leases = false,
            MayStandStill = random.Chance(50),
            Faults = [.. FaultsOf(random)],
        };
    }

    private static IEnumerable<Fault> FaultsOf(SeededRandom random)
    {
        for (var left = random.Between(10, 16); left > 0; left--)
        {
            yield return AnyOf(random, random.Pick(Kinds), at: null);
        }

        // What strikes nothing by itself comes with what it strikes.
        for (var left = random.Between(2, 4); left > 0; left--)
        {
            var (lasting, striking) = random.Pick(Pairs);
            var first = AnyOf(random, lasting, at: null) with { Lasts = random.Between(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(8)) };
            yield return first;
            yield return AnyOf(random, striking, first.At + random.Between(TimeSpan.Zero, TimeSpan.FromSeconds(1))) with
            {
                Target = first.Target,
                Lasts = first.Lasts,
            };
        }
    }

    private static Fault AnyOf(SeededRandom random, FaultKind kind, TimeSpan? at)
    {
        at ??= random.Between(TimeSpan.FromMilliseconds(200), Setup.Active - TimeSpan.FromSeconds(1));
        var lasts = random.Between(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(random.Chance(25) ? 8 : 2));
        return new Fault(kind, at.Value, lasts, random.Next(12), random.Next(100));
    }
}
