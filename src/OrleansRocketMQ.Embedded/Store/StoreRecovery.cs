using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>What was found in a folder.</summary>
internal sealed record RecoveredStore(IReadOnlyList<LogSegment> Segments, IReadOnlyDictionary<TopicQueue, QueueIndex> Queues)
{
    public static RecoveredStore Empty { get; } = new([], new Dictionary<TopicQueue, QueueIndex>());
}

/// <summary>
/// Reads a commit log back and builds the queues' indexes from it. A record that is cut short or damaged, as a crash
/// leaves it, ends the log: it and whatever follows is cut off.
/// </summary>
internal sealed partial class StoreRecovery(string folder, int segmentSize, Func<string, long?> bornAt, ILogger logger)
{
    private const int LargestSegment = 64 * 1024 * 1024;

    private readonly Dictionary<TopicQueue, QueueIndex> _queues = [];
    private readonly List<LogSegment> _segments = [];

    public static int SegmentSizeFor(long maxBytes) => maxBytes == 0 ? LargestSegment : (int)Math.Min(LargestSegment, maxBytes / 4);

    /// <summary>Recovers a folder's log.</summary>
    /// <param name="folder">The folder of the segments; created when missing.</param>
    /// <param name="segmentSize">The size new segments will have.</param>
    /// <param name="bornAt">The commit-log offset at which a topic came to be, or null when it is none of this broker: older records of it are from before it was deleted.</param>
    /// <param name="queueEnds">Where queues ended when the broker last told; used for those whose messages have all been dropped.</param>
    /// <param name="logger">Told what is cut off.</param>
    public static RecoveredStore Recover(
        string folder,
        int segmentSize,
        Func<string, long?> bornAt,
        IReadOnlyDictionary<TopicQueue, long> queueEnds,
        ILogger logger)
    {
        Directory.CreateDirectory(folder);
        var recovery = new StoreRecovery(folder, segmentSize, bornAt, logger);
        recovery.ReadSegments();
        if (recovery._segments is [{ BaseOffset: > 0 }, ..])
        {
            foreach (var (queue, end) in queueEnds)
            {
                recovery._queues.TryAdd(queue, new QueueIndex(end));
            }
        }

        return new(recovery._segments, recovery._queues);
    }

    private void ReadSegments()
    {
        long? expected = null;
        foreach (var (baseOffset, path) in SegmentFile.List(folder).ToArray())
        {
            if (expected is not null && expected != baseOffset)
            {
                // A segment before this one was cut: nothing behind the cut may stay, or offsets would lie.
                Log.SegmentDropped(logger, path);
                File.Delete(path);
                continue;
            }

            var segment = ReadSegment(baseOffset, path);
            _segments.Add(segment);
            expected = segment.EndOffset;
        }
    }

    private LogSegment ReadSegment(long baseOffset, string path)
    {
        var file = SegmentFile.Open(path);
        var length = (int)file.Length;
        var bytes = GC.AllocateUninitializedArray<byte>(Math.Max(length, segmentSize));
        file.Read(bytes.AsSpan(0, length));
        var good = IndexRecords(bytes.AsMemory(0, length), baseOffset);
        if (good < length)
        {
            Log.TailCut(logger, path, good, length - good);
            file.Truncate(good);
        }

        return new LogSegment(baseOffset, bytes, good, file);
    }

    private int IndexRecords(ReadOnlyMemory<byte> bytes, long baseOffset)
    {
        var position = 0;
        while (position < bytes.Length)
        {
            var rest = bytes.Span[position..];
            if (!RecordLayout.IsRecord(rest, out var size))
            {
                break;
            }

            var record = rest[..size];
            if (RecordLayout.LogOffset(record) != baseOffset + position
                || RecordLayout.BodyCrc(record) != BodyChecksum.Compute(RecordLayout.Body(record)))
            {
                break;
            }

            Index(record, baseOffset + position);
            position += size;
        }

        return position;
    }

    private void Index(ReadOnlySpan<byte> record, long logOffset)
    {
        var queue = new TopicQueue(RecordLayout.Topic(record), RecordLayout.QueueId(record));
        if (!(bornAt(queue.Topic) <= logOffset))
        {
            return;
        }

        var queueOffset = RecordLayout.QueueOffset(record);
        if (!_queues.TryGetValue(queue, out var index))
        {
            _queues[queue] = index = new QueueIndex(queueOffset);
        }

        if (index.Max == queueOffset)
        {
            index.Append(new(logOffset, RecordLayout.StoreTimestamp(record), record.Length, TagHash.Of(RecordLayout.Properties(record))));
        }
        else
        {
            Log.OutOfOrder(logger, queue.Topic, queue.QueueId, queueOffset, index.Max);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(101, LogLevel.Warning, "{Path} ends with {Cut} bytes that are no whole message; cut off behind byte {Good}")]
        public static partial void TailCut(ILogger logger, string path, int good, int cut);

        [LoggerMessage(102, LogLevel.Warning, "{Path} does not follow the segment before it and is dropped")]
        public static partial void SegmentDropped(ILogger logger, string path);

        [LoggerMessage(103, LogLevel.Warning, "{Topic}/{QueueId}: message {Offset} found where {Expected} should be; left out")]
        public static partial void OutOfOrder(ILogger logger, string topic, int queueId, long offset, long expected);
    }
}
