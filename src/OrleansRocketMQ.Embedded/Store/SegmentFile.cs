using Microsoft.Win32.SafeHandles;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>A file of the store; named by its segment's first offset in 20 digits, as RocketMQ names them.</summary>
internal sealed class SegmentFile : IDisposable
{
    private readonly string _path;
    private readonly SafeFileHandle _handle;

    private SegmentFile(string path, SafeFileHandle handle)
    {
        _path = path;
        _handle = handle;
    }

    public static SegmentFile Create(string path) => new(path, File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read));

    public static SegmentFile Open(string path) => new(path, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read));

    public long Length => RandomAccess.GetLength(_handle);

    public void Read(Span<byte> into)
    {
        var position = 0;
        while (position < into.Length)
        {
            var read = RandomAccess.Read(_handle, into[position..], position);
            if (read == 0)
            {
                throw new EndOfStreamException($"{_path} became shorter while it was read.");
            }

            position += read;
        }
    }

    public void Write(ReadOnlySpan<byte> bytes, long position) => RandomAccess.Write(_handle, bytes, position);

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
