using System.Text;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>
/// Builds the queues' indexes from the records of a log, in their order. Where a record is lost its queue keeps the
/// offset: those behind it stay what they were, and none is given twice.
/// </summary>
/// <param name="bornAt">
/// The commit-log offsets at which topics came to be: older records of them are from before they were deleted, and those
/// of others of deleted ones.
/// </param>
/// <param name="unknownFrom">The offset from which on topics may have come to be that <paramref name="bornAt"/> does not know.</param>
/// <param name="logBegin">The offset at which the log begins: more than 0 when its oldest segments have been dropped.</param>
/// <param name="logger">Told of what does not fit.</param>
internal sealed partial class QueueRebuild(IReadOnlyDictionary<string, long> bornAt, long unknownFrom, long logBegin, ILogger logger)
{
    private readonly Dictionary<string, int> _revived = new(StringComparer.Ordinal);
    private readonly Dictionary<ulong, string> _topics = bornAt.Keys.ToDictionary(RecordEntry.HashOf, topic => topic);
    private readonly Dictionary<TopicQueue, QueueIndex> _queues = [];
    private long _lostBytes;

    public IReadOnlyDictionary<TopicQueue, QueueIndex> Queues => _queues;

    /// <summary>Topics that nobody knew but that have messages, each with the number of queues it must have.</summary>
    public IReadOnlyDictionary<string, int> Revived => _revived;

    public long LastStoreTime { get; private set; }

    /// <summary>Whether anything was lost of which the queue is not known.</summary>
    public bool HasLostUnknown { get; private set; }

    public void Add(in RecordEntry entry, ReadOnlySpan<byte> record)
    {
        var queue = new TopicQueue(RecordLayout.Topic(record), entry.QueueId);
        var properties = RecordLayout.Properties(record);
        var indexed = new IndexEntry(entry.LogOffset, entry.StoreTime, entry.Size, TagHash.Of(properties));
        Place(queue, entry, indexed, RecordLayout.MessagesIn(record));
        if (!MessageProperties.TryFind(properties, "INNER_MULTI_DISPATCH"u8, out var names) || SystemTopics.IsRetry(queue.Topic))
        {
            return;
        }

        foreach (var name in LightQueues.NamesOf(Encoding.UTF8.GetString(names)))
        {
            if (LightQueues.OffsetIn(properties, Encoding.UTF8.GetBytes(name)) is { } offset)
            {
                Place(new(name, 0), entry with { QueueOffset = offset }, indexed, offsets: 1);
            }
        }
    }

    /// <summary>The record of an entry is damaged.</summary>
    /// <returns>The queue that has lost a message; null when it is none that counts.</returns>
    public TopicQueue? AddLost(in RecordEntry entry)
    {
        _lostBytes += entry.Size;
        if (!_topics.TryGetValue(entry.TopicHash, out var topic))
        {
            return null;
        }

        var queue = new TopicQueue(topic, entry.QueueId);
        Place(queue, entry, IndexEntry.Lost(entry.LogOffset, entry.StoreTime), offsets: 1);
        return queue;
    }

    /// <summary>Bytes of the log are gone that may have been records of any queue.</summary>
    public void AddUnknown(long bytes)
    {
        _lostBytes += bytes;
        HasLostUnknown = true;
    }

    /// <summary>A queue is known to have ended there; what is missing was lost.</summary>
    public void Extend(TopicQueue queue, long end, long logEnd)
    {
        if (bornAt.ContainsKey(queue.Topic) && _queues.TryGetValue(queue, out var index) && CanHaveLost(end - index.Max))
        {
            Fill(index, end, logEnd, LastStoreTime);
        }
    }

    /// <summary>A queue has no message, but is known to have had.</summary>
    public void AddEmpty(TopicQueue queue, long end) => _queues.TryAdd(queue, new QueueIndex(end));

    private void Place(TopicQueue queue, in RecordEntry record, in IndexEntry entry, int offsets)
    {
        if (!Counts(queue, record.LogOffset))
        {
            _lostBytes += record.Size;
            return;
        }

        // Where the oldest segments have been dropped, any message may be the first one that is left of its queue.
        var isNew = !_queues.TryGetValue(queue, out var index);
        index ??= new QueueIndex(logBegin == 0 || CanHaveLost(record.QueueOffset) ? 0 : record.QueueOffset);
        if (!CanHaveLost(record.QueueOffset - index.Max))
        {
            Log.OutOfOrder(logger, queue.Topic, queue.QueueId, record.QueueOffset, index.Max);
            _lostBytes += record.Size;
            return;
        }

        if (isNew)
        {
            _queues[queue] = index;
        }

        Fill(index, record.QueueOffset, record.LogOffset, record.StoreTime);
        index.Append(entry, offsets);
        LastStoreTime = Math.Max(LastStoreTime, record.StoreTime);
    }

    private bool Counts(TopicQueue queue, long logOffset)
    {
        if (SystemTopics.IsLight(queue.Topic))
        {
            return true;
        }

        if (bornAt.TryGetValue(queue.Topic, out var since))
        {
            return since <= logOffset;
        }

        if (logOffset < unknownFrom)
        {
            return false;
        }

        _revived[queue.Topic] = Math.Max(queue.QueueId + 1, _revived.GetValueOrDefault(queue.Topic));
        return true;
    }

    // A damaged queue offset may be any number: more messages than had room in what was lost cannot be missing.
    private bool CanHaveLost(long messages) => messages >= 0 && messages <= _lostBytes / RecordLayout.Shortest;

    private static void Fill(QueueIndex index, long end, long logOffset, long storeTime)
    {
        while (index.Max < end)
        {
            index.Append(IndexEntry.Lost(logOffset, storeTime));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(103, LogLevel.Warning, "{Topic}/{QueueId}: message {Offset} found where {Expected} should be; left out")]
        public static partial void OutOfOrder(ILogger logger, string topic, int queueId, long offset, long expected);
    }
}
