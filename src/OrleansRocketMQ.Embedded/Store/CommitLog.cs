namespace OrleansRocketMQ.Embedded.Store;

/// <summary>
/// Every message of a broker, one after the other, in segments. Appends come one at a time under the store's lock;
/// reads need none.
/// </summary>
internal sealed class CommitLog : IDisposable
{
    // Small brokers, of which a test run starts hundreds, should not each take a large segment.
    private const int FirstSegmentSize = 1024 * 1024;

    private readonly StoreFolder? _folder;
    private readonly int _segmentSize;
    private volatile LogSegment[] _segments;

    public CommitLog(StoreFolder? folder, int segmentSize, IReadOnlyList<LogSegment> recovered)
    {
        _folder = folder;
        _segmentSize = segmentSize;
        _segments = [.. recovered];
    }

    public long MinOffset => _segments is [var first, ..] ? first.BaseOffset : 0;

    public long MaxOffset => _segments is [.., var last] ? last.EndOffset : 0;

    public long Bytes => MaxOffset - MinOffset;

    /// <summary>Whether what is appended is written to files.</summary>
    public bool IsKept => _folder is not null;

    /// <summary>How large the last segment's array is made: it has room to grow, but not more than a small log may need.</summary>
    public static int CapacityFor(long length, int segmentSize)
        => (int)Math.Max(length, Math.Min(segmentSize, Math.Max(FirstSegmentSize, length * 2)));

    /// <summary>The place for records that are appended next, all in one segment, which is a new one if the present has no room.</summary>
    public Span<byte> Reserve(int size, out long offset)
    {
        if (_segments is not [.., var last])
        {
            Add(0, Math.Max(size, Math.Min(_segmentSize, FirstSegmentSize)));
        }
        else if (!last.HasRoomFor(size))
        {
            Add(last.EndOffset, Math.Max(size, Math.Min(_segmentSize, Math.Max(FirstSegmentSize, last.Length * 4L))));
        }

        offset = MaxOffset;
        return _segments[^1].Room(size);
    }

    /// <summary>Appends what was put where <see cref="Reserve"/> said, all of it or nothing.</summary>
    public void Append(int size, ReadOnlySpan<byte> entries) => _segments[^1].Append(size, entries);

    /// <summary>Waits until the disk has what was appended at and behind an offset.</summary>
    public void Flush(long from)
    {
        foreach (var segment in _segments.Where(segment => segment.EndOffset > from))
        {
            try
            {
                segment.Flush();
            }
            catch (ObjectDisposedException)
            {
                // It was dropped with the oldest, or the broker ends; then nobody waits for it.
            }
        }
    }

    public bool TryRead(long offset, int size, out ReadOnlyMemory<byte> record)
    {
        var segment = Find(offset);
        if (segment is null || offset + size > segment.EndOffset)
        {
            record = default;
            return false;
        }

        record = segment.Slice(offset, size);
        return true;
    }

    /// <summary>Reads the record that begins at an offset a client named; false when none begins there.</summary>
    public bool TryReadRecord(long offset, out ReadOnlyMemory<byte> record)
    {
        record = default;
        var segment = Find(offset);
        if (segment is null)
        {
            return false;
        }

        var rest = segment.Slice(offset, (int)(segment.EndOffset - offset));
        if (!RecordLayout.IsRecord(rest.Span, out var size) || RecordLayout.LogOffset(rest.Span) != offset)
        {
            return false;
        }

        record = rest[..size];
        return true;
    }

    /// <summary>Drops the oldest segments while more than the given bytes are kept; the present one always stays.</summary>
    /// <returns>Whether any went.</returns>
    public bool DropOldest(long maxBytes)
    {
        var dropped = false;
        while (Bytes > maxBytes && _segments is [var oldest, _, ..] segments)
        {
            _segments = segments[1..];
            oldest.Delete();
            dropped = true;
        }

        return dropped;
    }

    public void Dispose()
    {
        foreach (var segment in _segments)
        {
            segment.Dispose();
        }
    }

    private void Add(long baseOffset, long capacity)
    {
        var files = _folder is null ? null : SegmentFiles.Create(_folder, baseOffset);
        _segments = [.. _segments, new LogSegment(baseOffset, (int)capacity, files)];
    }

    private LogSegment? Find(long offset)
    {
        var segments = _segments;
        int low = 0, high = segments.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var segment = segments[middle];
            if (offset < segment.BaseOffset)
            {
                high = middle - 1;
            }
            else if (offset >= segment.EndOffset)
            {
                low = middle + 1;
            }
            else
            {
                return segment;
            }
        }

        return null;
    }
}
