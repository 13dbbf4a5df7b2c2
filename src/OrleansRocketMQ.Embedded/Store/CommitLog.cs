namespace OrleansRocketMQ.Embedded.Store;

/// <summary>
/// Every message of a broker, one after the other, in segments. Appends come one at a time under the store's lock;
/// reads need none.
/// </summary>
internal sealed class CommitLog : IDisposable
{
    // Small brokers, of which a test run starts hundreds, should not each take a large segment.
    private const int FirstSegmentSize = 1024 * 1024;

    private readonly string? _folder;
    private readonly int _segmentSize;
    private volatile LogSegment[] _segments;

    public CommitLog(string? folder, int segmentSize, IReadOnlyList<LogSegment> recovered)
    {
        _folder = folder;
        _segmentSize = segmentSize;
        _segments = [.. recovered];
    }

    public long MinOffset => _segments is [var first, ..] ? first.BaseOffset : 0;

    public long MaxOffset => _segments is [.., var last] ? last.EndOffset : 0;

    public long Bytes => MaxOffset - MinOffset;

    /// <summary>The offset the next record of that size will have; opens a new segment if it does not fit the present one.</summary>
    public long Reserve(int size)
    {
        if (_segments is [.., var last])
        {
            if (last.HasRoomFor(size))
            {
                return last.EndOffset;
            }

            Add(last.EndOffset, Math.Max(size, Math.Min(_segmentSize, Math.Max(FirstSegmentSize, last.Length * 4L))));
        }
        else
        {
            Add(0, Math.Max(size, Math.Min(_segmentSize, FirstSegmentSize)));
        }

        return MaxOffset;
    }

    /// <summary>Appends what <see cref="Reserve"/> has made room for.</summary>
    public void Append(ReadOnlySpan<byte> record) => _segments[^1].Append(record);

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
        var file = _folder is null ? null : SegmentFile.Create(_folder, baseOffset);
        _segments = [.. _segments, new LogSegment(baseOffset, (int)capacity, file)];
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
