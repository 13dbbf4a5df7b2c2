namespace OrleansRocketMQ.Compression;

/// <summary>Makes consumers read bodies that Java producers compressed with LZ4 or ZSTD.</summary>
public static class CompressionRegistration
{
    /// <summary>Registers <see cref="Lz4Decompressor"/> and <see cref="ZstdDecompressor"/>.</summary>
    /// <param name="registry">Where decompressors are registered, such as the builder given by <c>AddRocketMQ</c>.</param>
    /// <returns>The same registry.</returns>
    public static TRegistry AddLz4AndZstd<TRegistry>(this TRegistry registry)
        where TRegistry : IDecompressorRegistry
    {
        ArgumentNullException.ThrowIfNull(registry);
        registry.Register(new Lz4Decompressor());
        registry.Register(new ZstdDecompressor());
        return registry;
    }
}
