using Microsoft.Win32.SafeHandles;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>How a broker writes its files; a test puts a full disk in its place.</summary>
internal class StoreDisk
{
    public static StoreDisk Real { get; } = new();

    public virtual void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long position) => RandomAccess.Write(file, bytes, position);

    /// <summary>Waits until the disk has what was written.</summary>
    public virtual void Flush(SafeFileHandle file) => RandomAccess.FlushToDisk(file);

    /// <summary>Makes a file and waits until the disk has it: what takes another's place must not be empty after a power failure.</summary>
    public virtual void WriteFile(string path, ReadOnlySpan<byte> bytes)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }
}
