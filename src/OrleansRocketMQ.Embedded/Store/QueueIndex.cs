namespace OrleansRocketMQ.Embedded.Store;

/// <summary>Where a message of a queue is, and what a filter needs to know first.</summary>
internal readonly record struct IndexEntry(long LogOffset, long StoreTime, int Size, int TagHash)
{
    /// <summary>Whether the message is gone, though others behind it are there: its record was damaged.</summary>
    public bool IsLost => Size == 0;

    /// <summary>What stands for a lost message, so that the offsets behind it stay; its place is that of what was found next.</summary>
    public static IndexEntry Lost(long logOffset, long storeTime) => new(logOffset, storeTime, 0, 0);
}

/// <summary>A topic's queue on this broker.</summary>
internal readonly record struct TopicQueue(string Topic, int QueueId);

/// <summary>
/// The messages of one queue by offset. Entries lie in chunks, so that growing copies only the list of chunks and
/// dropping the oldest frees theirs. Thread-safe; locks are held for moments.
/// </summary>
internal sealed class QueueIndex
{
    private const int ChunkSize = 1024;

    private readonly Lock _gate = new();
    private readonly List<IndexEntry[]> _chunks = [];
    private long _firstChunkOffset;
    private long _min;
    private long _max;

    public QueueIndex(long firstOffset = 0)
    {
        _firstChunkOffset = firstOffset - (firstOffset % ChunkSize);
        _min = firstOffset;
        _max = firstOffset;
    }

    /// <summary>The offset of the oldest message kept.</summary>
    public long Min => Volatile.Read(ref _min);

    /// <summary>The offset the next message will get.</summary>
    public long Max => Volatile.Read(ref _max);

    /// <summary>The offset behind the last message that lies before an offset of the commit log.</summary>
    public long EndBelow(long logOffset)
    {
        if (logOffset == long.MaxValue)
        {
            return Max;
        }

        lock (_gate)
        {
            long low = _min, high = _max;
            while (low < high)
            {
                var middle = low + ((high - low) / 2);
                if (At(middle).LogOffset < logOffset)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return low;
        }
    }

    public void Append(in IndexEntry entry)
    {
        lock (_gate)
        {
            var position = _max - _firstChunkOffset;
            if (position / ChunkSize == _chunks.Count)
            {
                _chunks.Add(new IndexEntry[ChunkSize]);
            }

            _chunks[(int)(position / ChunkSize)][position % ChunkSize] = entry;
            Volatile.Write(ref _max, _max + 1);
        }
    }

    /// <summary>Appends the same entry so many times: each offset of a batch that is kept whole is found at its one record.</summary>
    public void Append(in IndexEntry entry, int times)
    {
        for (var time = 0; time < times; time++)
        {
            Append(entry);
        }
    }

    /// <summary>Copies entries from an offset on.</summary>
    /// <returns>How many there were; 0 when the offset is outside of the queue.</returns>
    public int Read(long from, Span<IndexEntry> into)
    {
        lock (_gate)
        {
            if (from < _min || from >= _max)
            {
                return 0;
            }

            var count = (int)Math.Min(into.Length, _max - from);
            var copied = 0;
            while (copied < count)
            {
                var position = from + copied - _firstChunkOffset;
                var chunk = _chunks[(int)(position / ChunkSize)].AsSpan((int)(position % ChunkSize));
                var part = Math.Min(chunk.Length, count - copied);
                chunk[..part].CopyTo(into[copied..]);
                copied += part;
            }

            return count;
        }
    }

    public bool TryGet(long offset, out IndexEntry entry)
    {
        var one = default(IndexEntry);
        var found = Read(offset, new Span<IndexEntry>(ref one)) == 1;
        entry = one;
        return found;
    }

    /// <summary>Forgets messages whose place in the commit log is gone.</summary>
    public void DropBelow(long logOffset)
    {
        lock (_gate)
        {
            while (_min < _max && At(_min).LogOffset < logOffset)
            {
                _min++;
            }

            var chunks = (int)((_min - _firstChunkOffset) / ChunkSize);
            if (chunks > 0)
            {
                chunks = Math.Min(chunks, _chunks.Count);
                _chunks.RemoveRange(0, chunks);
                _firstChunkOffset += (long)chunks * ChunkSize;
            }
        }
    }

    /// <summary>
    /// The offset a time stands for. Lower: the first message stored at or after it, or the end. Upper: the last one
    /// stored at or before it. Mirrors <c>ConsumeQueue.getOffsetInQueueByTime</c>.
    /// </summary>
    public long FindByTime(long timestamp, bool upper)
    {
        lock (_gate)
        {
            if (_min == _max)
            {
                // Nothing to look at; RocketMQ answers 0 for a queue without files, or the end of an emptied one.
                return _min;
            }

            if (upper)
            {
                var after = FirstWhere(timestamp, orEqual: false);
                return after == _min ? 0 : after - 1;
            }

            return FirstWhere(timestamp, orEqual: true);
        }
    }

    private long FirstWhere(long timestamp, bool orEqual)
    {
        long low = _min, high = _max;
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            var time = At(middle).StoreTime;
            if (orEqual ? time >= timestamp : time > timestamp)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    private ref IndexEntry At(long offset)
    {
        var position = offset - _firstChunkOffset;
        return ref _chunks[(int)(position / ChunkSize)][position % ChunkSize];
    }
}
