using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>The file behind a segment; named by its first offset in 20 digits, as RocketMQ names them.</summary>
internal sealed class SegmentFile : IDisposable
{
    private readonly string _path;
    private readonly SafeFileHandle _handle;

    private SegmentFile(string path, SafeFileHandle handle)
    {
        _path = path;
        _handle = handle;
    }

    public static SegmentFile Create(string folder, long baseOffset)
    {
        var path = Path.Combine(folder, baseOffset.ToString("D20", CultureInfo.InvariantCulture));
        return new(path, File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read));
    }

    public static SegmentFile Open(string path) => new(path, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read));

    /// <summary>The segment files of a folder by their first offsets, ascending; other files are left alone.</summary>
    public static IEnumerable<(long BaseOffset, string Path)> List(string folder)
        => from path in Directory.EnumerateFiles(folder)
           let name = Path.GetFileName(path)
           where name.Length == 20 && name.All(char.IsAsciiDigit)
           orderby name
           select (long.Parse(name, CultureInfo.InvariantCulture), path);

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

    public void Delete() => File.Delete(_path);

    public void Dispose() => _handle.Dispose();
}
