using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Filtering;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>Where a message was stored.</summary>
internal readonly record struct Placement(long LogOffset, long QueueOffset, int Size, long StoreTimestamp)
{
    /// <summary>Whether the disk was to have it and does not: it is stored, and a crash of the machine may take it.</summary>
    public bool IsNotFlushed { get; init; }
}

/// <summary>Told of each message once it can be read; called on the appending thread outside of all locks.</summary>
internal delegate void MessageArrived(TopicQueue queue, long queueOffset, int tagHash, ReadOnlyMemory<byte> record);

/// <summary>
/// A broker's messages: the commit log and an index per queue. Appends are one at a time and take as long as copying
/// the record; reads run beside them. Mirrors <c>DefaultMessageStore</c>.
/// </summary>
internal sealed partial class MessageStore : IMessageReader, IDisposable
{
    // RocketMQ's limits for one answer, and how far a filter may look in one go (maxFilterMessageSize / 20 bytes an entry).
    private const int MaxMessagesPerRead = 32;
    private const int MaxBytesPerRead = 256 * 1024;
    private const int MaxEntriesPerFilterRun = 800;

    private readonly Lock _appendGate = new();
    private readonly ConcurrentDictionary<TopicQueue, QueueIndex> _queues;
    private readonly CommitLog _log;
    private readonly GroupCommit? _commits;
    private readonly long _maxBytes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private long _lastStoreTime;

    public MessageStore(
        RecoveredStore recovered, StoreFolder? folder, long maxBytes, TimeProvider time, ILogger logger, bool flushes = false)
    {
        var segmentSize = StoreRecovery.SegmentSizeFor(maxBytes);
        _log = new CommitLog(folder, segmentSize, recovered.Segments);
        _commits = flushes && folder is not null ? new(_log) : null;
        _queues = new(recovered.Queues);
        _maxBytes = maxBytes;
        _time = time;
        _logger = logger;
        _lastStoreTime = recovered.LastStoreTime;
    }

    public event MessageArrived? Arrived;

    public long MinLogOffset => _log.MinOffset;

    public long MaxLogOffset => _log.MaxOffset;

    public long MinOffset(TopicQueue queue) => _queues.TryGetValue(queue, out var index) ? index.Min : 0;

    public long MaxOffset(TopicQueue queue) => _queues.TryGetValue(queue, out var index) ? index.Max : 0;

    /// <summary>The offset behind the last message of a queue that lies before an offset of the commit log.</summary>
    public long MaxOffset(TopicQueue queue, long logEnd) => _queues.TryGetValue(queue, out var index) ? index.EndBelow(logEnd) : 0;

    public long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    public Placement Append(StoredMessage message, int tagHash)
        => Append([new(message.Encode(), tagHash)], new(message.Topic, message.QueueId))[0];

    /// <summary>Appends encoded messages to one queue, without another's in between: all of them or, on failure, none.</summary>
    public Placement[] Append(IReadOnlyList<(byte[] Record, int TagHash)> messages, TopicQueue queue)
    {
        var index = IndexOf(queue);
        bool dropped;
        Placement[] placements;
        lock (_appendGate)
        {
            placements = AppendLocked(messages, queue, index);
            dropped = DropOldestLocked();
        }

        placements = Settle(placements, dropped);
        for (var i = 0; i < placements.Length; i++)
        {
            Tell(queue, placements[i].QueueOffset, messages[i].TagHash, placements[i]);
        }

        return placements;
    }

    /// <summary>Appends one record of which something depends on where it comes to stand.</summary>
    /// <param name="queue">Its queue.</param>
    /// <param name="offsets">How many offsets it takes there: more than one for a batch that is kept whole.</param>
    /// <param name="others">Queues in which it is listed as well, each once.</param>
    /// <param name="encode">Is given its first offset, and those in the other queues; null: it is not to be stored.</param>
    /// <returns>Null when it was not to be stored.</returns>
    public Placement? AppendOne(
        TopicQueue queue, int offsets, TopicQueue[] others, Func<long, long[], (byte[] Record, int TagHash)?> encode)
    {
        var index = IndexOf(queue);
        var lists = Array.ConvertAll(others, IndexOf);
        bool dropped;
        Placement placement;
        IndexEntry entry;
        long[] places;
        lock (_appendGate)
        {
            places = Array.ConvertAll(lists, static list => list.Max);
            if (encode(index.Max, places) is not { } message)
            {
                return null;
            }

            placement = AppendLocked([message], queue, index)[0];
            entry = new(placement.LogOffset, placement.StoreTimestamp, placement.Size, message.TagHash);
            index.Append(entry, offsets - 1);
            Array.ForEach(lists, list => list.Append(entry));
            dropped = DropOldestLocked();
        }

        placement = Settle([placement], dropped)[0];
        Tell(queue, placement.QueueOffset + offsets - 1, entry.TagHash, placement);
        for (var i = 0; i < others.Length; i++)
        {
            Tell(others[i], places[i], entry.TagHash, placement);
        }

        return placement;
    }

    /// <summary>Looks for messages of a queue from an offset on, by the rules of <c>DefaultMessageStore.getMessage</c>.</summary>
    public GetResult Get(TopicQueue queue, long offset, int maxMessages, int maxBytes, MessageFilter? filter)
        => Get(queue, offset, maxMessages, maxBytes, filter, long.MaxValue);

    /// <summary>As the other one, but with nothing that lies at or behind an offset of the commit log.</summary>
    public GetResult Get(TopicQueue queue, long offset, int maxMessages, int maxBytes, MessageFilter? filter, long logEnd)
    {
        if (!_queues.TryGetValue(queue, out var index))
        {
            return new(GetStatus.NoMessageInQueue, 0, 0, 0);
        }

        // Max first: what it counts is certainly there when the entries are read.
        var max = index.EndBelow(logEnd);
        var min = Math.Min(index.Min, max);
        if (max == 0)
        {
            return new(GetStatus.NoMessageInQueue, 0, min, max);
        }

        if (offset < min)
        {
            return new(GetStatus.OffsetTooSmall, min, min, max);
        }

        if (offset >= max)
        {
            return offset == max
                ? new(GetStatus.OffsetOverflowOne, offset, min, max)
                : new(GetStatus.OffsetOverflowBadly, max, min, max);
        }

        return Collect(index, offset, min, max, maxMessages, maxBytes, filter, Math.Min(logEnd, _log.MaxOffset));
    }

    public bool TryReadRecord(long logOffset, out ReadOnlyMemory<byte> record) => _log.TryReadRecord(logOffset, out record);

    public bool TryGet(TopicQueue queue, long offset, out IndexEntry entry, out ReadOnlyMemory<byte> record)
    {
        record = default;
        entry = default;
        return _queues.TryGetValue(queue, out var index)
            && index.TryGet(offset, out entry)
            && !entry.IsLost
            && _log.TryRead(entry.LogOffset, entry.Size, out record);
    }

    /// <summary>See <see cref="QueueIndex.FindByTime"/>.</summary>
    public long FindByTime(TopicQueue queue, long timestamp, bool upper)
        => _queues.TryGetValue(queue, out var index) ? index.FindByTime(timestamp, upper) : 0;

    /// <summary>Forgets a topic's queues; its bytes stay in the commit log until they are the oldest.</summary>
    public void DropTopic(string topic)
    {
        foreach (var queue in _queues.Keys.Where(queue => queue.Topic == topic).ToArray())
        {
            _queues.TryRemove(queue, out _);
        }
    }

    /// <summary>The queues of a topic that have or had messages.</summary>
    public IReadOnlyList<TopicQueue> QueuesOf(string topic) => [.. _queues.Keys.Where(queue => queue.Topic == topic)];

    /// <summary>The end of every queue, to be remembered for those that lose all their messages.</summary>
    public IReadOnlyDictionary<TopicQueue, long> QueueEnds() => _queues.ToDictionary(pair => pair.Key, pair => pair.Value.Max);

    public void Dispose()
    {
        lock (_appendGate)
        {
            _log.Dispose();
        }
    }

    private QueueIndex IndexOf(TopicQueue queue) => _queues.GetOrAdd(queue, static _ => new QueueIndex());

    private bool DropOldestLocked() => _maxBytes > 0 && _log.Bytes > _maxBytes && _log.DropOldest(_maxBytes);

    /// <summary>What is left to do with messages that are in the log.</summary>
    private Placement[] Settle(Placement[] placements, bool dropped)
    {
        if (dropped)
        {
            DropIndexesBelow(_log.MinOffset);
        }

        return placements.Length > 0 && _commits?.TryFlush(placements[^1].LogOffset + placements[^1].Size) == false
            ? [.. placements.Select(placement => placement with { IsNotFlushed = true })]
            : placements;
    }

    // The message is stored: whoever fails at the news must not make its sender send it again.
    private void Tell(TopicQueue queue, long queueOffset, int tagHash, in Placement placement)
    {
        if (Arrived is not { } arrived || !_log.TryRead(placement.LogOffset, placement.Size, out var stored))
        {
            return;
        }

        foreach (var observer in Delegate.EnumerateInvocationList(arrived))
        {
            try
            {
                observer(queue, queueOffset, tagHash, stored);
            }
            catch (Exception exception)
            {
                Log.ObserverFailed(_logger, queue.Topic, queue.QueueId, queueOffset, exception);
            }
        }
    }

    private Placement[] AppendLocked(IReadOnlyList<(byte[] Record, int TagHash)> messages, TopicQueue queue, QueueIndex index)
    {
        // Store times never go back, or searching by time would not work.
        _lastStoreTime = Math.Max(_lastStoreTime, Now);
        var placements = new Placement[messages.Count];
        var entries = _log.IsKept ? new byte[messages.Count * RecordEntry.Length] : [];
        var size = messages.Sum(message => message.Record.Length);
        var room = _log.Reserve(size, out var logOffset);
        for (var i = 0; i < placements.Length; i++)
        {
            var record = room[..messages[i].Record.Length];
            room = room[record.Length..];
            messages[i].Record.CopyTo(record);
            StoredMessage.SetPositions(record, index.Max + i, logOffset);
            RecordLayout.SetStoreTimestamp(record, _lastStoreTime);
            if (_log.IsKept)
            {
                RecordEntry.Of(record, queue.Topic).Encode(entries.AsSpan(i * RecordEntry.Length));
            }

            placements[i] = new(logOffset, index.Max + i, record.Length, _lastStoreTime);
            logOffset += record.Length;
        }

        _log.Append(size, entries);
        for (var i = 0; i < placements.Length; i++)
        {
            index.Append(new(placements[i].LogOffset, _lastStoreTime, placements[i].Size, messages[i].TagHash));
        }

        return placements;
    }

    private GetResult Collect(
        QueueIndex index, long offset, long min, long max, int maxMessages, int maxBytes, MessageFilter? filter, long logEnd)
    {
        var byteLimit = Math.Clamp(maxBytes, 100, MaxBytesPerRead);
        var messageLimit = Math.Clamp(maxMessages, 1, MaxMessagesPerRead);
        var scanEnd = Math.Min(max, offset + Math.Max(MaxEntriesPerFilterRun, maxMessages));
        var parts = new PartList(Math.Min(messageLimit, (int)(max - offset)));
        var next = offset;
        var nothing = GetStatus.NoMatchedMessage;
        var lastSeen = logEnd;
        Span<IndexEntry> entries = stackalloc IndexEntry[MaxMessagesPerRead];
        while (next < scanEnd && !parts.IsFull)
        {
            var count = index.Read(next, entries[..(int)Math.Min(MaxMessagesPerRead, scanEnd - next)]);
            if (count == 0)
            {
                // Retention has overtaken the reader; what it still has is answered first.
                nothing = GetStatus.MessageWasRemoving;
                next = parts.Count == 0 ? Math.Max(index.Min, next) : next;
                break;
            }

            foreach (ref readonly var entry in entries[..count])
            {
                if (entry.LogOffset == lastSeen && !entry.IsLost)
                {
                    // A further message of a batch that is kept whole.
                    next++;
                    parts.CountFurther();
                    continue;
                }

                if (parts.Count > 0 && (parts.Count >= messageLimit || parts.Bytes + entry.Size > byteLimit))
                {
                    parts.IsFull = true;
                    break;
                }

                next++;
                lastSeen = entry.LogOffset;
                if (TryRead(entry, filter, ref nothing, out var record))
                {
                    parts.Add(record);
                }
            }
        }

        return new(parts.Count > 0 ? GetStatus.Found : nothing, next, min, max) { Parts = parts.ToList(), Behind = logEnd - lastSeen };
    }

    /// <summary>Reads a message that is there and wanted.</summary>
    private bool TryRead(in IndexEntry entry, MessageFilter? filter, ref GetStatus nothing, out ReadOnlyMemory<byte> record)
    {
        record = default;
        if (entry.IsLost || filter?.MayMatch(entry.TagHash) == false)
        {
            return false;
        }

        if (!_log.TryRead(entry.LogOffset, entry.Size, out record))
        {
            nothing = GetStatus.MessageWasRemoving;
            return false;
        }

        return filter is not { NeedsMessage: true } || filter.Matches(RecordLayout.Properties(record.Span));
    }

    private void DropIndexesBelow(long logOffset)
    {
        foreach (var index in _queues.Values)
        {
            index.DropBelow(logOffset);
        }
    }

    /// <summary>Gathers slices, joining those that lie side by side.</summary>
    private sealed class PartList(int capacity)
    {
        private readonly List<ReadOnlyMemory<byte>> _parts = new(capacity);

        public int Count { get; private set; }

        public int Bytes { get; private set; }

        public bool IsFull { get; set; }

        /// <summary>The record that was added last has another message in it.</summary>
        public void CountFurther() => Count += Count > 0 ? 1 : 0;

        public void Add(ReadOnlyMemory<byte> record)
        {
            Count++;
            Bytes += record.Length;
            if (_parts.Count > 0
                && System.Runtime.InteropServices.MemoryMarshal.TryGetArray(_parts[^1], out var previous)
                && System.Runtime.InteropServices.MemoryMarshal.TryGetArray(record, out var present)
                && previous.Array == present.Array
                && previous.Offset + previous.Count == present.Offset)
            {
                _parts[^1] = present.Array.AsMemory(previous.Offset, previous.Count + present.Count);
                return;
            }

            _parts.Add(record);
        }

        public List<ReadOnlyMemory<byte>> ToList() => _parts;
    }

    private static partial class Log
    {
        [LoggerMessage(108, LogLevel.Error, "Message {Offset} of {Topic}/{QueueId} is stored, but not everybody could be told")]
        public static partial void ObserverFailed(ILogger logger, string topic, int queueId, long offset, Exception exception);
    }
}
