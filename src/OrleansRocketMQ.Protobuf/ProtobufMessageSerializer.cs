using System.Buffers;
using Google.Protobuf;

namespace OrleansRocketMQ;

/// <summary>
/// Bodies in Protocol Buffers, by Google.Protobuf: types are the classes that <c>protoc</c> makes. Thread-safe.
/// </summary>
public sealed class ProtobufMessageSerializer : IMessageSerializer
{
    private ProtobufMessageSerializer()
    {
    }

    /// <summary>The serializer; it has no options.</summary>
    public static ProtobufMessageSerializer Default { get; } = new();

    /// <inheritdoc/>
    /// <exception cref="RocketMQValidationException">
    /// The type is not one of Protocol Buffers, or all fields have their defaults: such a message has no bytes, and brokers refuse
    /// messages without any.
    /// </exception>
    public void Serialize<T>(T value, IBufferWriter<byte> output)
    {
        var message = value as IMessage ?? throw NoMessage(typeof(T));
        if (message.CalculateSize() == 0)
        {
            throw new RocketMQValidationException(
                $"Length of {message.Descriptor.FullName}", 0, "at least one field that has not its default: brokers take no empty body");
        }

        message.WriteTo(output);
    }

    /// <inheritdoc/>
    /// <exception cref="RocketMQValidationException">The type is not one of Protocol Buffers.</exception>
    public T? Deserialize<T>(ReadOnlyMemory<byte> body) => (T)Parsers<T>.Parser.ParseFrom(body.Span);

    private static RocketMQValidationException NoMessage(Type type) => new("Type of the value", type, "a class made by protoc");

    /// <summary>What is known of a type, found once.</summary>
    private static class Parsers<T>
    {
        private static readonly MessageParser? s_parser
            = typeof(T).IsAssignableTo(typeof(IMessage)) ? ((IMessage)Activator.CreateInstance<T>()!).Descriptor.Parser : null;

        public static MessageParser Parser => s_parser ?? throw NoMessage(typeof(T));
    }
}
