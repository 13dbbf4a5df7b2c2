namespace OrleansRocketMQ.Embedded.Store;

/// <summary>
/// A stretch of the commit log: one array, filled from the front and never changed behind that, so that slices of it
/// may be sent while more is appended. With a file, what is appended is written there too.
/// </summary>
internal sealed class LogSegment : IDisposable
{
    private readonly byte[] _bytes;
    private readonly SegmentFile? _file;
    private int _length;

    public LogSegment(long baseOffset, int capacity, SegmentFile? file)
        : this(baseOffset, GC.AllocateUninitializedArray<byte>(capacity), 0, file)
    {
    }

    public LogSegment(long baseOffset, byte[] bytes, int length, SegmentFile? file)
    {
        BaseOffset = baseOffset;
        _bytes = bytes;
        _length = length;
        _file = file;
    }

    public long BaseOffset { get; }

    public int Length => Volatile.Read(ref _length);

    public long EndOffset => BaseOffset + Length;

    public bool HasRoomFor(int size) => size <= _bytes.Length - _length;

    /// <summary>Appends; the caller holds the store's append lock and has asked <see cref="HasRoomFor"/>.</summary>
    public void Append(ReadOnlySpan<byte> record)
    {
        var position = _length;
        record.CopyTo(_bytes.AsSpan(position));
        _file?.Write(_bytes.AsSpan(position, record.Length), position);
        Volatile.Write(ref _length, position + record.Length);
    }

    public ReadOnlyMemory<byte> Slice(long offset, int size) => _bytes.AsMemory((int)(offset - BaseOffset), size);

    public void Dispose() => _file?.Dispose();

    public void Delete()
    {
        _file?.Dispose();
        _file?.Delete();
    }
}
