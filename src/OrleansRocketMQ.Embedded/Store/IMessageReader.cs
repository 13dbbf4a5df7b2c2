using OrleansRocketMQ.Embedded.Filtering;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>Messages that can be read: all of a master's, or those of them that have reached a slave. Thread-safe.</summary>
internal interface IMessageReader
{
    /// <summary>The offset of the oldest message of a queue.</summary>
    long MinOffset(TopicQueue queue);

    /// <summary>The offset behind the last message of a queue.</summary>
    long MaxOffset(TopicQueue queue);

    /// <summary>Looks for messages of a queue from an offset on.</summary>
    GetResult Get(TopicQueue queue, long offset, int maxMessages, int maxBytes, MessageFilter? filter);

    /// <summary>One message of a queue.</summary>
    /// <returns>False when there is none; of one that was lost <paramref name="entry"/> still tells the time.</returns>
    bool TryGet(TopicQueue queue, long offset, out IndexEntry entry, out ReadOnlyMemory<byte> record);

    /// <summary>The message that begins at an offset of the commit log.</summary>
    bool TryReadRecord(long logOffset, out ReadOnlyMemory<byte> record);

    /// <summary>See <see cref="QueueIndex.FindByTime"/>.</summary>
    long FindByTime(TopicQueue queue, long timestamp, bool upper);
}
