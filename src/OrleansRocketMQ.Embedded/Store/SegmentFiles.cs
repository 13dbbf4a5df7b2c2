using System.Globalization;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>Where a broker's records and what is kept beside them lie.</summary>
internal sealed class StoreFolder(string root, StoreDisk disk)
{
    /// <summary>How the files are written.</summary>
    public StoreDisk Disk => disk;

    /// <summary>The records, as in RocketMQ.</summary>
    public string Log { get; } = Path.Combine(root, "commitlog");

    /// <summary>A file of <see cref="RecordEntry"/> per segment, of the same name. It can be made again from the log.</summary>
    public string Index { get; } = Path.Combine(root, "recordindex");

    public void Create()
    {
        Directory.CreateDirectory(Log);
        Directory.CreateDirectory(Index);
    }

    public string LogPath(long baseOffset) => Path.Combine(Log, NameOf(baseOffset));

    public string IndexPath(long baseOffset) => Path.Combine(Index, NameOf(baseOffset));

    /// <summary>The segments by their first offsets, ascending; other files are left alone.</summary>
    public IReadOnlyList<long> Segments() =>
    [
        .. from path in Directory.EnumerateFiles(Log)
           let name = Path.GetFileName(path)
           where name.Length == 20 && name.All(char.IsAsciiDigit)
           orderby name
           select long.Parse(name, CultureInfo.InvariantCulture),
    ];

    private static string NameOf(long baseOffset) => baseOffset.ToString("D20", CultureInfo.InvariantCulture);
}

/// <summary>The two files behind a segment: its records and what is kept beside them.</summary>
internal sealed class SegmentFiles(SegmentFile log, SegmentFile index, long indexLength) : IDisposable
{
    private long _indexLength = indexLength;

    public static SegmentFiles Create(StoreFolder folder, long baseOffset)
    {
        var log = SegmentFile.Create(folder.LogPath(baseOffset), folder.Disk);
        try
        {
            return new(log, SegmentFile.Create(folder.IndexPath(baseOffset), folder.Disk), 0);
        }
        catch
        {
            log.Dispose();
            log.Delete();
            throw;
        }
    }

    /// <summary>Writes records and their entries; on failure neither counts, and the next ones are written over them.</summary>
    public void Write(ReadOnlySpan<byte> records, long position, ReadOnlySpan<byte> entries)
    {
        try
        {
            log.Write(records, position);
            index.Write(entries, _indexLength);
        }
        catch
        {
            // What was not acknowledged should not come back after a restart.
            log.TryTruncate(position);
            index.TryTruncate(_indexLength);
            throw;
        }

        _indexLength += entries.Length;
    }

    /// <summary>Waits until the disk has the records; what is kept beside them can be made again.</summary>
    public void Flush() => log.Flush();

    public void Delete()
    {
        Dispose();
        log.Delete();
        index.Delete();
    }

    public void Dispose()
    {
        log.Dispose();
        index.Dispose();
    }
}
