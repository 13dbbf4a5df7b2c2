namespace OrleansRocketMQ.Engine.Ports;

/// <summary>Where an offset is read from. Mirrors <c>ReadOffsetType</c>.</summary>
internal enum OffsetReadMode
{
    /// <summary>What is known here; if nothing is, what is stored.</summary>
    MemoryFirstThenStore,

    /// <summary>Only what is known here.</summary>
    Memory,

    /// <summary>What is stored, which is then known here, too.</summary>
    Store,
}
