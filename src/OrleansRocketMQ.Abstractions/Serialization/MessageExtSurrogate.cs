using System.IO.Compression;
using Orleans;

namespace OrleansRocketMQ.Serialization;

/// <summary>A message on its way between silos: the bytes the broker stored, and what they do not say.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.MessageExt")]
internal struct MessageExtSurrogate
{
    [Id(0)]
    public byte[] Record;

    [Id(1)]
    public string Topic;

    [Id(2)]
    public string BrokerName;

    /// <summary>Tells the messages of one inner batch apart.</summary>
    [Id(3)]
    public long QueueOffset;

    // 4 and 5 were the readable body.

    /// <summary>The body, compressed with zlib; null when the record has it in a way that everybody can read.</summary>
    [Id(6)]
    public byte[]? CompressedBody;
}

/// <summary>
/// Sends the stored record, whose body stays compressed on the way: unfolded, some messages could be more than a call
/// between silos may carry. The receiver does not need decompressors that only the sender has: a body that not everybody can
/// read goes along once more, as zlib.
/// </summary>
[RegisterConverter]
internal sealed class MessageExtConverter : IConverter<MessageExt, MessageExtSurrogate>
{
    // The sender has held it to its own limit.
    private static readonly MessageDecoderOptions AsSent = new() { MaxDecompressedLength = MessageDecoderOptions.LargestBody };
    private static readonly MessageDecoderOptions BodyApart = AsSent with { LeavesCompressed = true };

    public MessageExt ConvertFromSurrogate(in MessageExtSurrogate surrogate)
    {
        var offset = surrogate.QueueOffset;
        var bodies = surrogate.CompressedBody is null ? AsSent : BodyApart;
        foreach (var message in MessageDecoder.DecodeAll(surrogate.Record, surrogate.BrokerName, bodies))
        {
            if (message.QueueOffset == offset)
            {
                var found = message.Topic == surrogate.Topic ? message : message.WithTopic(surrogate.Topic);
                return surrogate.CompressedBody is { } body
                    ? found.WithBody(MessageDecompressors.Default.Decompress(CompressionType.Zlib, body))
                    : found;
            }
        }

        throw new MessageFormatException("queue offset", $"{offset}", "one of the messages in the record sent along");
    }

    public MessageExtSurrogate ConvertToSurrogate(in MessageExt value) => new()
    {
        Record = value.Record.ToArray(),
        Topic = value.Topic,
        BrokerName = value.BrokerName,
        QueueOffset = value.QueueOffset,
        CompressedBody = NeedsDecompressor(value) && value.BodyError is null
            ? ZlibDecompressor.Compress(value.Body.Span, CompressionLevel.Fastest)
            : null,
    };

    private static bool NeedsDecompressor(MessageExt message)
        => (message.SysFlag & MessageSysFlag.Compressed) != 0 && MessageSysFlag.CompressionOf(message.SysFlag) != CompressionType.Zlib;
}

/// <summary>A <see cref="MessageQueue"/> between silos and clients.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.MessageQueue")]
internal readonly struct MessageQueueSurrogate(string topic, string brokerName, int queueId)
{
    [Id(0)]
    public readonly string Topic = topic;

    [Id(1)]
    public readonly string BrokerName = brokerName;

    [Id(2)]
    public readonly int QueueId = queueId;
}

/// <inheritdoc cref="MessageQueueSurrogate"/>
[RegisterConverter]
internal sealed class MessageQueueConverter : IConverter<MessageQueue, MessageQueueSurrogate>
{
    public MessageQueue ConvertFromSurrogate(in MessageQueueSurrogate surrogate)
        => new(surrogate.Topic, surrogate.BrokerName, surrogate.QueueId);

    public MessageQueueSurrogate ConvertToSurrogate(in MessageQueue value) => new(value.Topic, value.BrokerName, value.QueueId);
}
