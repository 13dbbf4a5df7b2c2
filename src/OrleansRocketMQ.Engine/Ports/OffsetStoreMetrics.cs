using OrleansRocketMQ.Offsets;

namespace OrleansRocketMQ.Engine.Ports;

/// <summary>Counts what an offset store does. Thread-safe.</summary>
/// <param name="time">The clock.</param>
/// <param name="failed">Is told of each write that failed.</param>
internal sealed class OffsetStoreMetrics(TimeProvider time, Action? failed = null)
{
    private long _persisted;
    private long _persistsFailed;
    private long _persistTicks;
    private long _loaded;
    private long _loadsFailed;
    private long _hits;
    private long _misses;

    /// <summary>Writes that failed.</summary>
    public long PersistsFailed => Interlocked.Read(ref _persistsFailed);

    /// <summary>Reads that were answered from memory.</summary>
    public void CountHit() => Interlocked.Increment(ref _hits);

    /// <summary>Reads for which memory had nothing.</summary>
    public void CountMiss() => Interlocked.Increment(ref _misses);

    /// <summary>Counts a write to the store, whatever becomes of it.</summary>
    public async Task PersistAsync(Func<Task> persist)
    {
        var start = time.GetTimestamp();
        try
        {
            await persist();
            Interlocked.Increment(ref _persisted);
            Interlocked.Add(ref _persistTicks, time.GetElapsedTime(start).Ticks);
        }
        catch
        {
            Interlocked.Increment(ref _persistsFailed);
            failed?.Invoke();
            throw;
        }
    }

    /// <summary>Counts a read from the store, whatever becomes of it.</summary>
    public async Task<T> LoadAsync<T>(Func<Task<T>> load)
    {
        try
        {
            var loaded = await load();
            Interlocked.Increment(ref _loaded);
            return loaded;
        }
        catch
        {
            Interlocked.Increment(ref _loadsFailed);
            throw;
        }
    }

    public OffsetStoreFigures Snapshot()
    {
        var persisted = Interlocked.Read(ref _persisted);
        return new OffsetStoreFigures
        {
            Persisted = persisted,
            PersistsFailed = PersistsFailed,
            AveragePersistTime = persisted == 0 ? TimeSpan.Zero : TimeSpan.FromTicks(Interlocked.Read(ref _persistTicks) / persisted),
            Loaded = Interlocked.Read(ref _loaded),
            LoadsFailed = Interlocked.Read(ref _loadsFailed),
            CacheHits = Interlocked.Read(ref _hits),
            CacheMisses = Interlocked.Read(ref _misses),
        };
    }
}
