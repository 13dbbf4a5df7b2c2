namespace OrleansRocketMQ.Tests.Support;

/// <summary>Tests that measure the memory of the whole process: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class MemoryCollection
{
    public const string Name = "Memory";
}

internal static class Memory
{
    public const long MiB = 1024 * 1024;

    /// <summary>What the runtime's pool of arrays may keep of what was given back to it: 32 arrays of 32 KiB for each core, and some more.</summary>
    public static long OfPools => (Environment.ProcessorCount + 1) * MiB;

    /// <summary>Bytes of what is still referenced.</summary>
    public static long Live() => GC.GetTotalMemory(forceFullCollection: true);
}
