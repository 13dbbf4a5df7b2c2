using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Embedded.Slaves;

/// <summary>
/// A slave's messages: the master's own, up to where they are replicated. They are not copied, since both live in one
/// process; what has not been replicated cannot be seen. Thread-safe.
/// </summary>
internal sealed class ReplicatedStore(MessageStore master) : IMessageReader
{
    private const long Everything = long.MaxValue;

    private long _end = Everything;

    /// <summary>Whether what the master stores from now on arrives here.</summary>
    public bool IsFollowing => Volatile.Read(ref _end) == Everything;

    /// <summary>How many bytes of the master's commit log have not arrived.</summary>
    public long Behind => Math.Max(0, master.MaxLogOffset - Volatile.Read(ref _end));

    /// <summary>Nothing that is stored from now on arrives.</summary>
    public void Pause() => Interlocked.CompareExchange(ref _end, master.MaxLogOffset, Everything);

    /// <summary>Everything arrives, what was missed included.</summary>
    public void Resume() => Volatile.Write(ref _end, Everything);

    public long MinOffset(TopicQueue queue) => Math.Min(master.MinOffset(queue), MaxOffset(queue));

    public long MaxOffset(TopicQueue queue) => master.MaxOffset(queue, Volatile.Read(ref _end));

    public GetResult Get(TopicQueue queue, long offset, int maxMessages, int maxBytes, MessageFilter? filter)
        => master.Get(queue, offset, maxMessages, maxBytes, filter, Volatile.Read(ref _end));

    public bool TryGet(TopicQueue queue, long offset, out IndexEntry entry, out ReadOnlyMemory<byte> record)
        => master.TryGet(queue, offset, out entry, out record) && entry.LogOffset < Volatile.Read(ref _end);

    public bool TryReadRecord(long logOffset, out ReadOnlyMemory<byte> record)
    {
        record = default;
        return logOffset < Volatile.Read(ref _end) && master.TryReadRecord(logOffset, out record);
    }

    public long FindByTime(TopicQueue queue, long timestamp, bool upper)
        => Math.Min(master.FindByTime(queue, timestamp, upper), MaxOffset(queue));
}
