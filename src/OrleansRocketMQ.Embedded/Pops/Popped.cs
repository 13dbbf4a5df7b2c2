namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>What a pop gathers, queue by queue.</summary>
internal sealed class Popped(long popTime, int reviveQueueId)
{
    /// <summary>When it is, by the broker's clock, milliseconds since 1970 UTC.</summary>
    public long PopTime { get; } = popTime;

    public int ReviveQueueId { get; } = reviveQueueId;

    public int Count { get; private set; }

    /// <summary>How many messages lie behind what was looked at.</summary>
    public long Rest { get; set; }

    /// <summary>Whether a queue that gave nothing, since nobody wants what it has there, is to be looked at further on.</summary>
    public bool HasMore { get; set; }

    public List<ReadOnlyMemory<byte>> Parts { get; } = [];

    public PopOffsets Offsets { get; } = new();

    public void Add(IEnumerable<ReadOnlyMemory<byte>> parts, int count)
    {
        Parts.AddRange(parts);
        Count += count;
    }
}
