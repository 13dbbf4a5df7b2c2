namespace OrleansRocketMQ.Embedded.Store;

/// <summary>
/// A stretch of the commit log: one array, filled from the front and never changed behind that, so that slices of it
/// may be sent while more is appended. With files, what is appended is written there too.
/// </summary>
internal sealed class LogSegment(long baseOffset, byte[] bytes, int length, SegmentFiles? files) : IDisposable
{
    private int _length = length;

    public LogSegment(long baseOffset, int capacity, SegmentFiles? files)
        : this(baseOffset, GC.AllocateUninitializedArray<byte>(capacity), 0, files)
    {
    }

    public long BaseOffset => baseOffset;

    public int Length => Volatile.Read(ref _length);

    public long EndOffset => BaseOffset + Length;

    /// <summary>How many bytes it takes in memory.</summary>
    public int Capacity => bytes.Length;

    public bool HasRoomFor(int size) => size <= bytes.Length - _length;

    /// <summary>The place for what is appended next; nobody sees it before <see cref="Append"/>.</summary>
    public Span<byte> Room(int size) => bytes.AsSpan(_length, size);

    /// <summary>Appends what was put into <see cref="Room"/>; the caller holds the store's append lock.</summary>
    /// <param name="size">How many bytes.</param>
    /// <param name="entries">What is kept beside the records.</param>
    public void Append(int size, ReadOnlySpan<byte> entries)
    {
        var position = _length;
        files?.Write(bytes.AsSpan(position, size), position, entries);
        Volatile.Write(ref _length, position + size);
    }

    /// <summary>Waits until the disk has what was appended.</summary>
    public void Flush() => files?.Flush();

    public ReadOnlyMemory<byte> Slice(long offset, int size) => bytes.AsMemory((int)(offset - BaseOffset), size);

    public void Dispose() => files?.Dispose();

    public void Delete() => files?.Delete();
}
