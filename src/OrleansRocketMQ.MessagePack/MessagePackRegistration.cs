using MessagePack;

namespace OrleansRocketMQ;

/// <summary>Makes bodies of messages MessagePack.</summary>
public static class MessagePackRegistration
{
    /// <summary>Reads bodies as MessagePack: those of all groups of a silo, or of one group.</summary>
    /// <param name="registry">The builder given by <c>AddRocketMQ</c>, or by <c>AddConsumer</c> for one group.</param>
    /// <param name="options">See <see cref="MessagePackMessageSerializer(MessagePackSerializerOptions?)"/>.</param>
    /// <returns>The same registry.</returns>
    public static TRegistry UseMessagePack<TRegistry>(this TRegistry registry, MessagePackSerializerOptions? options = null)
        where TRegistry : IMessageSerializerRegistry
    {
        ArgumentNullException.ThrowIfNull(registry);
        registry.UseSerializer(options is null ? MessagePackMessageSerializer.Default : new MessagePackMessageSerializer(options));
        return registry;
    }
}
