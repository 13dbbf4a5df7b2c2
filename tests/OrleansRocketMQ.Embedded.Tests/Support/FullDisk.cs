using Microsoft.Win32.SafeHandles;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>A disk that takes so many bytes and then, as real ones do, the part of a write that still fits.</summary>
internal sealed class FullDisk(long room) : StoreDisk
{
    private long _room = room;

    public void TakeOnly(long bytes) => _room = bytes;

    public void MakeRoom() => _room = long.MaxValue;

    public override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long position)
    {
        base.Write(file, bytes[..(int)Math.Min(bytes.Length, _room)], position);
        Take(bytes.Length);
    }

    public override void WriteFile(string path, ReadOnlySpan<byte> bytes)
    {
        base.WriteFile(path, bytes[..(int)Math.Min(bytes.Length, _room)]);
        Take(bytes.Length);
    }

    private void Take(int bytes)
    {
        if (bytes > _room)
        {
            _room = 0;
            throw new IOException("No space left on device");
        }

        _room -= _room == long.MaxValue ? 0 : bytes;
    }
}
