namespace OrleansRocketMQ;

/// <summary>Where decompressors are registered, so that packages which bring some need not know who uses them.</summary>
public interface IDecompressorRegistry
{
    /// <summary>Registers a decompressor; the last one of a type counts.</summary>
    void Register(IMessageDecompressor decompressor);
}
