using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>Why a window begins where it does.</summary>
internal enum WindowOrigin
{
    /// <summary>The store says so, and nothing else is known.</summary>
    Store,

    /// <summary>The former owner has handed over how far it was.</summary>
    HandOver,

    /// <summary>A seek, or a reset by the broker.</summary>
    Move,

    /// <summary>Another member has gone on while the fence was closed.</summary>
    Overtaken,
}

/// <summary>Whoever hands messages of a queue out, as the checker sees it.</summary>
internal interface IHandsOut
{
    string Name { get; }
}

/// <summary>One window of a queue at one owner. No value: another one that begins at the same offset is another one.</summary>
/// <param name="loop">Whose it is.</param>
/// <param name="origin">Why it begins.</param>
/// <param name="start">Where it begins.</param>
/// <param name="progress">What came along; null when nothing did.</param>
/// <param name="former">The window that was handed over; null when none was.</param>
internal sealed class WindowRecord(IHandsOut loop, WindowOrigin origin, long start, AckSnapshot? progress, WindowRecord? former)
{
    public IHandsOut Loop => loop;

    public WindowOrigin Origin => origin;

    public long Start => start;

    public AckSnapshot? Progress => progress;

    public WindowRecord? Former => former;

    /// <summary>When it began, in ticks of the run.</summary>
    public long BeganAt { get; init; } = long.MinValue / 2;

    /// <summary>When it was taken along, in ticks of the run.</summary>
    public long TakenAt { get; set; } = long.MaxValue;
}

/// <summary>What became of a delivery.</summary>
internal enum DeliveryEnd
{
    /// <summary>A listener has it.</summary>
    InWork,

    /// <summary>Consumed, or safely back at the broker.</summary>
    Done,

    /// <summary>Consumed, and waits for the listener's commit.</summary>
    Uncommitted,

    /// <summary>Failed, or not tried; to be tried again, or on its way back to the broker.</summary>
    Returned,

    /// <summary>Consumed, and nobody has heard of it.</summary>
    Unheard,
}

/// <summary>A message was given to a listener.</summary>
internal sealed class Delivery(LedgerEntry entry, WindowRecord window, int era)
{
    public LedgerEntry Entry => entry;

    public WindowRecord Window => window;

    /// <summary>How often the queue had been moved when it began.</summary>
    public int Era => era;

    public DeliveryEnd End { get; set; }

    /// <summary>When its message may come again to its window, by its listener's word; in ticks of the run.</summary>
    public long NotBefore { get; set; } = long.MinValue;

    /// <summary>
    /// One before it in its batch that was to be a dead letter; null when there is none. As long as nobody has taken that, both
    /// come again, in order.
    /// </summary>
    public Delivery? Behind { get; set; }

    /// <summary>Whether its message is neither consumed nor elsewhere, as far as anybody has heard.</summary>
    public bool IsOpen => End == DeliveryEnd.Returned;

    /// <summary>When it ended, in ticks of the run.</summary>
    public long EndedAt { get; set; } = long.MaxValue;
}

/// <summary>What the checker knows of a message.</summary>
internal sealed class LedgerEntry(SimulatedMessage message, LedgerEntry? previous, LedgerEntry? previousOfKey, int era)
{
    public SimulatedMessage Message => message;

    public long Offset => message.Offset;

    public LedgerEntry? Previous => previous;

    public LedgerEntry? PreviousOfKey => previousOfKey;

    /// <summary>The move since which it must be consumed (again).</summary>
    public int Era { get; set; } = era;

    /// <summary>Whether it must be consumed: no operator has moved the queue over it, no filter and no retention has taken it.</summary>
    public bool IsRequired { get; set; } = true;

    public bool IsDone { get; set; }

    /// <summary>
    /// Whether another member has consumed it, which the run plays, or a former owner has, and has heard so: what comes of its
    /// deliveries undoes nothing.
    /// </summary>
    public bool IsDoneElsewhere { get; set; }

    /// <summary>When it was answered to a pull, in ticks of the run.</summary>
    public long PulledAt { get; set; } = long.MinValue / 2;

    public Delivery? Last { get; set; }

    /// <summary>The window in which it was consumed last.</summary>
    public WindowRecord? ConsumedIn { get; set; }

    /// <summary>Whether it counts as not consumed although it should be.</summary>
    public bool IsMissing => IsRequired && !IsDone;
}
