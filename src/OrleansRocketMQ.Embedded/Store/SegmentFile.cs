using Microsoft.Win32.SafeHandles;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>A file of the store; named by its segment's first offset in 20 digits, as RocketMQ names them.</summary>
internal sealed class SegmentFile : IDisposable
{
    private readonly string _path;
    private readonly StoreDisk _disk;
    private readonly SafeFileHandle _handle;

    private SegmentFile(string path, StoreDisk disk, FileMode mode)
    {
        _path = path;
        _disk = disk;
        _handle = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.Read);
    }

    public static SegmentFile Create(string path, StoreDisk disk) => new(path, disk, FileMode.Create);

    public static SegmentFile Open(string path, StoreDisk disk) => new(path, disk, FileMode.OpenOrCreate);

    public long Length => RandomAccess.GetLength(_handle);

    public void Write(ReadOnlySpan<byte> bytes, long position) => _disk.Write(_handle, bytes, position);

    /// <summary>Waits until the disk has what was written.</summary>
    public void Flush() => _disk.Flush(_handle);

    public void Truncate(long length) => RandomAccess.SetLength(_handle, length);

    /// <summary>Truncates for tidiness: where that fails, what stays is told from records when the file is read again.</summary>
    public void TryTruncate(long length)
    {
        try
        {
            Truncate(length);
        }
        catch (IOException)
        {
        }
    }

    public void Delete() => File.Delete(_path);

    public void Dispose() => _handle.Dispose();
}
