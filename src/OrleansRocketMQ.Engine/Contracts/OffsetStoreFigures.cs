namespace OrleansRocketMQ.Offsets;

/// <summary>What a group's offset store has done on this silo since the group started.</summary>
public sealed record OffsetStoreFigures
{
    /// <summary>Offsets stored.</summary>
    public long Persisted { get; init; }

    /// <summary>Attempts to store an offset that failed; each is made again.</summary>
    public long PersistsFailed { get; init; }

    /// <summary>How long storing one offset took on average.</summary>
    public TimeSpan AveragePersistTime { get; init; }

    /// <summary>Offsets read from the store, those included that were not there.</summary>
    public long Loaded { get; init; }

    /// <summary>Attempts to read an offset that failed.</summary>
    public long LoadsFailed { get; init; }

    /// <summary>Reads that were answered from memory.</summary>
    public long CacheHits { get; init; }

    /// <summary>Reads for which memory had nothing.</summary>
    public long CacheMisses { get; init; }
}
