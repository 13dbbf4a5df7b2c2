namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>A piece of a logical queue: the queue of a broker that has it. Immutable. Mirrors <c>LogicQueueMappingItem</c>.</summary>
internal sealed record MappingItem
{
    /// <summary>Grows from one piece to the next.</summary>
    public int Gen { get; init; }

    /// <summary>The queue at the broker.</summary>
    public int QueueId { get; init; }

    /// <summary>The broker.</summary>
    public string Bname { get; init => field = value ?? string.Empty; } = string.Empty;

    /// <summary>The offset in the logical queue at which the piece begins; -1: not decided yet.</summary>
    public long LogicOffset { get; init; }

    /// <summary>The offset in the broker's queue at which it begins.</summary>
    public long StartOffset { get; init; }

    /// <summary>The one at which it ends; -1: not decided.</summary>
    public long EndOffset { get; init; } = -1;

    /// <summary>Kept for the wire.</summary>
    public long TimeOfStart { get; init; } = -1;

    /// <summary>Kept for the wire.</summary>
    public long TimeOfEnd { get; init; } = -1;

    /// <summary>Whether the end is decided.</summary>
    public bool HasEnd() => EndOffset > StartOffset;

    /// <summary>How much further an offset in the logical queue is.</summary>
    public long Delta() => LogicOffset - StartOffset;

    /// <summary>The offset in the broker's queue.</summary>
    public long ToPhysical(long offset) => offset - Delta();

    /// <summary>The offset in the logical queue. Mirrors <c>computeStaticQueueOffsetStrictly</c>.</summary>
    public long ToLogical(long offset) => offset < StartOffset ? LogicOffset : offset + Delta();

    /// <summary>The same within the piece's ends; -1 when it is not decided where it begins. Mirrors <c>…Loosely</c>.</summary>
    public long ToLogicalWithin(long offset) => LogicOffset < 0 ? -1
        : EndOffset >= StartOffset && EndOffset < offset ? EndOffset + Delta()
        : ToLogical(offset);

    /// <summary>The offset in the logical queue at which it ends as far as the mapping says.</summary>
    public long LogicalEnd() => EndOffset >= StartOffset ? EndOffset + Delta() : LogicOffset;
}
