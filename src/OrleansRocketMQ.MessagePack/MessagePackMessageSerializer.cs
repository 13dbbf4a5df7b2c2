using System.Buffers;
using MessagePack;

namespace OrleansRocketMQ;

/// <summary>
/// Bodies in MessagePack, by the library of that name, which learns of a type once and keeps what it has learned. Thread-safe.
/// </summary>
public sealed class MessagePackMessageSerializer : IMessageSerializer
{
    private readonly MessagePackSerializerOptions _options;

    /// <summary>MessagePack as the given options say.</summary>
    /// <param name="options">
    /// Resolver, compression, security. Null: the library's standard ones, for types with its attributes, against hostile data
    /// (<see cref="MessagePackSecurity.UntrustedData"/>).
    /// </param>
    public MessagePackMessageSerializer(MessagePackSerializerOptions? options = null)
        => _options = options ?? MessagePackSerializerOptions.Standard.WithSecurity(MessagePackSecurity.UntrustedData);

    /// <summary>One with the standard options.</summary>
    public static MessagePackMessageSerializer Default { get; } = new();

    /// <inheritdoc/>
    public void Serialize<T>(T value, IBufferWriter<byte> output) => MessagePackSerializer.Serialize(output, value, _options);

    /// <inheritdoc/>
    public T? Deserialize<T>(ReadOnlyMemory<byte> body)
    {
        var value = MessagePackSerializer.Deserialize<T>(body, _options, out var length);
        return length == body.Length
            ? value
            // Text, for example, often begins like a small number.
            : throw new MessagePackSerializationException($"The value ends after {length} of {body.Length} bytes.");
    }
}
