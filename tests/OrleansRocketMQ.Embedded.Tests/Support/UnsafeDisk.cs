using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>A disk that has a file's bytes only once it was told to write them, as after a power failure.</summary>
internal sealed class UnsafeDisk : StoreDisk
{
    private readonly ConcurrentDictionary<SafeFileHandle, byte[]> _onDisk = new();
    private int _flushes;

    /// <summary>How often it was told to write.</summary>
    public int Flushes => Volatile.Read(ref _flushes);

    /// <summary>Whether it cannot.</summary>
    public bool IsBroken { get; set; }

    /// <summary>Holds up whoever tells it to write.</summary>
    public ManualResetEventSlim Gate { get; } = new(initialState: true);

    /// <summary>What is on the disk of the files that were written, in the order in which they were first told of.</summary>
    public IEnumerable<byte[]> Files => _onDisk.Values;

    public override void Flush(SafeFileHandle file)
    {
        Gate.Wait();
        if (IsBroken)
        {
            throw new IOException("Input/output error");
        }

        base.Flush(file);
        Interlocked.Increment(ref _flushes);
        var bytes = new byte[RandomAccess.GetLength(file)];
        RandomAccess.Read(file, bytes, 0);
        _onDisk[file] = bytes;
    }
}
