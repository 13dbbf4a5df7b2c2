using System.Buffers;

namespace OrleansRocketMQ.Producing;

/// <summary>Sends values.</summary>
public sealed partial class Producer
{
    private static readonly HashSelector ByShardingKey = new();

    /// <summary>
    /// Sends a value as <see cref="ProducerOptions.Serializer"/> writes it: with a sharding key to the queue of that key,
    /// otherwise to the next queue.
    /// </summary>
    /// <typeparam name="T">The type to write it as; consumers must read a type that goes with it.</typeparam>
    /// <param name="topic">Where it goes.</param>
    /// <param name="value">The value.</param>
    /// <param name="tag">The tag consumers may select by, and tell types apart.</param>
    /// <param name="key">A key the message can be looked up by.</param>
    /// <param name="shardingKey">Messages with the same one go to the same queue and keep their order.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <remarks>
    /// For delays, properties, transactions or a queue of one's choice: <see cref="CreateMessage"/>, and the send that fits.
    /// </remarks>
    /// <inheritdoc cref="SendAsync(Message, CancellationToken)"/>
#pragma warning disable RS0026 // No call fits two of them: the first argument tells a topic from a message.
    public Task<SendResult> SendAsync<T>(
#pragma warning restore RS0026
        string topic,
        T value,
        string? tag = null,
        string? key = null,
        string? shardingKey = null,
        CancellationToken cancellationToken = default)
    {
        var message = CreateMessage(topic, value);
        message.Tags = tag;
        message.Keys = key;
        message.ShardingKey = shardingKey;
        return shardingKey is null
            ? SendAsync(message, cancellationToken)
            : SendAsync(message, ByShardingKey, cancellationToken: cancellationToken);
    }

    /// <summary>
    /// A message whose body is a value, written by <see cref="ProducerOptions.Serializer"/>; to be sent by any of the sends.
    /// </summary>
    /// <typeparam name="T">The type to write it as.</typeparam>
    /// <param name="topic">Where it goes.</param>
    /// <param name="value">The value.</param>
    public Message CreateMessage<T>(string topic, T value)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentNullException.ThrowIfNull(value);
        var body = new ArrayBufferWriter<byte>();
        Options.Serializer.Serialize(value, body);
        return new Message(topic, body.WrittenMemory);
    }
}
