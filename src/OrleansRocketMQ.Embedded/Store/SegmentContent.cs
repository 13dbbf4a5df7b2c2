namespace OrleansRocketMQ.Embedded.Store;

/// <summary>A segment as it was found in its files.</summary>
internal sealed class SegmentContent
{
    private readonly StoreFolder _folder;
    private readonly byte[] _bytes;
    private readonly byte[] _index;

    private SegmentContent(StoreFolder folder, long baseOffset, byte[] bytes, byte[] index)
    {
        _folder = folder;
        _bytes = bytes;
        _index = index;
        BaseOffset = baseOffset;
        Pieces = [.. new SegmentScan(bytes, baseOffset, RecordEntry.DecodeAll(index, baseOffset, End)).Pieces()];
        var last = Pieces.FindLast(piece => piece.Entry is not null);
        RecordsEnd = baseOffset + last.Position + last.Size;
    }

    public long BaseOffset { get; }

    public List<Piece> Pieces { get; }

    public long End => BaseOffset + _bytes.Length;

    /// <summary>The end of the last record, be it damaged, of which it is known that it was stored as a whole.</summary>
    public long RecordsEnd { get; }

    public static SegmentContent Read(StoreFolder folder, long baseOffset)
    {
        var index = folder.IndexPath(baseOffset);
        return new(folder, baseOffset, File.ReadAllBytes(folder.LogPath(baseOffset)), File.Exists(index) ? File.ReadAllBytes(index) : []);
    }

    public ReadOnlySpan<byte> Span(Piece piece) => _bytes.AsSpan(piece.Position, piece.Size);

    /// <summary>The segment, ready to be read and, if it has the capacity, to be appended to.</summary>
    /// <param name="end">The offset at which it ends.</param>
    /// <param name="capacity">How many bytes it may come to hold.</param>
    /// <param name="cut">Whether its file is to end there as well.</param>
    public LogSegment ToSegment(long end, int capacity, bool cut)
    {
        var length = (int)(end - BaseOffset);
        var bytes = _bytes;
        if (capacity != bytes.Length)
        {
            bytes = GC.AllocateUninitializedArray<byte>(capacity);
            _bytes.AsSpan(0, length).CopyTo(bytes);
        }

        var entries = Pieces.Where(piece => piece.Position < length).Select(piece => piece.Entry).OfType<RecordEntry>();
        var index = RecordEntry.Encode([.. entries]);
        if (!index.AsSpan().SequenceEqual(_index))
        {
            // As a whole, so that a crash in between costs nothing that the old one told.
            var path = _folder.IndexPath(BaseOffset);
            _folder.Disk.WriteFile(path + ".new", index);
            File.Move(path + ".new", path, overwrite: true);
        }

        var log = SegmentFile.Open(_folder.LogPath(BaseOffset), _folder.Disk);
        if (cut && log.Length > length)
        {
            log.Truncate(length);
        }

        var indexFile = SegmentFile.Open(_folder.IndexPath(BaseOffset), _folder.Disk);
        return new LogSegment(BaseOffset, bytes, length, new SegmentFiles(log, indexFile, index.Length));
    }
}
