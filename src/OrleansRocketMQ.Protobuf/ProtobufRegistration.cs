namespace OrleansRocketMQ;

/// <summary>Makes bodies of messages Protocol Buffers.</summary>
public static class ProtobufRegistration
{
    /// <summary>Reads bodies as Protocol Buffers: those of all groups of a silo, or of one group.</summary>
    /// <param name="registry">The builder given by <c>AddRocketMQ</c>, or by <c>AddConsumer</c> for one group.</param>
    /// <returns>The same registry.</returns>
    public static TRegistry UseProtobuf<TRegistry>(this TRegistry registry)
        where TRegistry : IMessageSerializerRegistry
    {
        ArgumentNullException.ThrowIfNull(registry);
        registry.UseSerializer(ProtobufMessageSerializer.Default);
        return registry;
    }
}
