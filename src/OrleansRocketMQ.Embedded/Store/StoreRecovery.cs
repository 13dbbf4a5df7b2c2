using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>What was found in a folder.</summary>
internal sealed record RecoveredStore(
    IReadOnlyList<LogSegment> Segments, IReadOnlyDictionary<TopicQueue, QueueIndex> Queues, long LastStoreTime)
{
    public static RecoveredStore Empty { get; } = new([], new Dictionary<TopicQueue, QueueIndex>(), 0);

    /// <summary>See <see cref="QueueRebuild.Revived"/>.</summary>
    public IReadOnlyDictionary<string, int> Revived { get; init; } = new Dictionary<string, int>();
}

/// <summary>
/// Reads a commit log back and builds the queues' indexes from it. Damage costs the record it is in and none else. Only
/// what ends the last segment and was never whole, as a crash leaves it, is cut off; nothing is deleted.
/// </summary>
internal sealed partial class StoreRecovery(StoreFolder folder, int segmentSize, QueueRebuild queues, ILogger logger)
{
    private const int LargestSegment = 64 * 1024 * 1024;

    private readonly List<LogSegment> _segments = [];

    public static int SegmentSizeFor(long maxBytes) => maxBytes == 0 ? LargestSegment : (int)Math.Min(LargestSegment, maxBytes / 4);

    /// <summary>Recovers a folder's log.</summary>
    /// <param name="folder">Where the segments are; created when missing.</param>
    /// <param name="segmentSize">The size new segments will have.</param>
    /// <param name="bornAt">See <see cref="QueueRebuild"/>.</param>
    /// <param name="unknownFrom">See <see cref="QueueRebuild"/>.</param>
    /// <param name="queueEnds">Where queues ended when the broker last told; used for those whose last messages are gone.</param>
    /// <param name="namesLightQueues">See <see cref="QueueRebuild"/>.</param>
    /// <param name="logger">Told of what is lost and of what is cut off.</param>
    public static RecoveredStore Recover(
        StoreFolder folder,
        int segmentSize,
        IReadOnlyDictionary<string, long> bornAt,
        long unknownFrom,
        IReadOnlyDictionary<TopicQueue, long> queueEnds,
        Predicate<string> namesLightQueues,
        ILogger logger)
    {
        folder.Create();
        var logBegin = folder.Segments() is [var first, ..] ? first : 0;
        var queues = new QueueRebuild(bornAt, unknownFrom, logBegin, namesLightQueues, logger);
        var recovery = new StoreRecovery(folder, segmentSize, queues, logger);
        recovery.ReadSegments();
        recovery.Apply(queueEnds);
        return new(recovery._segments, queues.Queues, queues.LastStoreTime) { Revived = queues.Revived };
    }

    private void Apply(IReadOnlyDictionary<TopicQueue, long> queueEnds)
    {
        foreach (var (queue, end) in queueEnds)
        {
            if (queues.HasLost)
            {
                queues.Extend(queue, end, _segments[^1].EndOffset);
            }

            if (queues.HasLost || _segments is [{ BaseOffset: > 0 }, ..])
            {
                queues.AddEmpty(queue, end);
            }
        }
    }

    private void ReadSegments()
    {
        var offsets = folder.Segments();
        for (var i = 0; i < offsets.Count; i++)
        {
            var segment = SegmentContent.Read(folder, offsets[i]);

            // Beside the next segment nothing of this one counts; but records that both claim to hold can only be in one.
            var next = i + 1;
            while (next < offsets.Count && offsets[next] < segment.RecordsEnd)
            {
                SetAside(offsets[next++]);
            }

            long? limit = next < offsets.Count ? offsets[next] : null;
            i = next - 1;
            AddSegment(segment, limit);
        }
    }

    private void AddSegment(SegmentContent segment, long? nextSegment)
    {
        if (_segments is [.., var last] && last.EndOffset < segment.BaseOffset)
        {
            Log.Missing(logger, folder.LogPath(segment.BaseOffset), segment.BaseOffset - last.EndOffset);
            queues.AddUnknown(segment.BaseOffset - last.EndOffset);
        }

        var isLast = nextSegment is null;
        var end = Math.Min(segment.End, nextSegment ?? segment.RecordsEnd);
        foreach (var piece in segment.Pieces.Where(piece => segment.BaseOffset + piece.Position < end))
        {
            Index(segment, piece);
        }

        if (isLast && end < segment.End)
        {
            Log.TailCut(logger, folder.LogPath(segment.BaseOffset), end - segment.BaseOffset, segment.End - end);
        }

        var length = end - segment.BaseOffset;
        _segments.Add(segment.ToSegment(end, isLast ? CommitLog.CapacityFor(length, segmentSize) : (int)length, cut: isLast));
    }

    private void Index(SegmentContent segment, Piece piece)
    {
        if (piece.Entry is not { } entry)
        {
            Log.Unreadable(logger, folder.LogPath(segment.BaseOffset), piece.Position, piece.Size);
            queues.AddUnknown(piece.Size);
        }
        else if (piece.IsIntact)
        {
            queues.Add(entry, segment.Span(piece));
        }
        else if (queues.AddLost(entry) is { } queue)
        {
            var path = folder.LogPath(segment.BaseOffset);
            Log.Damaged(logger, path, piece.Position, piece.Size, queue.Topic, queue.QueueId, entry.QueueOffset);
        }
    }

    private void SetAside(long baseOffset)
    {
        var path = folder.LogPath(baseOffset);
        var aside = $"{path}.{Guid.NewGuid():N}.aside";
        File.Move(path, aside);
        Log.SetAside(logger, path, aside);
    }

    private static partial class Log
    {
        [LoggerMessage(101, LogLevel.Warning, "{Path} ends with {Cut} bytes that are no whole message; cut off behind byte {Good}")]
        public static partial void TailCut(ILogger logger, string path, long good, long cut);

        [LoggerMessage(102, LogLevel.Error,
            "{Path} claims a place that the segment before it fills, and is kept as {Aside} without being used")]
        public static partial void SetAside(ILogger logger, string path, string aside);

        [LoggerMessage(104, LogLevel.Error,
            "{Path} is damaged from byte {Position} on for {Size} bytes: message {Offset} of {Topic}/{QueueId} is lost")]
        public static partial void Damaged(ILogger logger, string path, int position, int size, string topic, int queueId, long offset);

        [LoggerMessage(105, LogLevel.Error,
            "{Path} is damaged from byte {Position} on for {Size} bytes, in which no message can be made out")]
        public static partial void Unreadable(ILogger logger, string path, int position, int size);

        [LoggerMessage(106, LogLevel.Error, "Before {Path} {Bytes} bytes of the log are missing; their messages are lost")]
        public static partial void Missing(ILogger logger, string path, long bytes);
    }
}
