using System.Buffers;
using System.Net;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>Messages as brokers store and send them.</summary>
internal static class Records
{
    /// <summary>Tells the queues apart in what brokers call the position in their log.</summary>
    public const long PerQueue = 1_000_000;

    private static readonly IPEndPoint Host = new(IPAddress.Loopback, 10911);

    /// <summary>Encodes messages one after the other, as a pull brings them.</summary>
    public static byte[] Encode(SimulatedQueue queue, IReadOnlyList<SimulatedMessage> messages)
    {
        if (messages.Count == 0)
        {
            return [];
        }

        var records = messages.Select(message => Encode(queue, message)).ToArray();
        var bytes = new byte[records.Sum(record => record.Length)];
        var written = 0;
        foreach (var record in records)
        {
            record.CopyTo(bytes, written);
            written += record.Length;
        }

        return bytes;
    }

    /// <summary>The same in an array of a pool, which is whose who asked for it.</summary>
    public static ReadOnlyMemory<byte> Encode(SimulatedQueue queue, IReadOnlyList<SimulatedMessage> messages, BodyPool pool)
        => messages.Count == 0
            ? ReadOnlyMemory<byte>.Empty
            : PooledBody.Copy(new ReadOnlySequence<byte>(Encode(queue, messages)), pool).Memory;

    /// <summary>Whether a body is the one that a message was sent with.</summary>
    public static bool IsBodyOf(ReadOnlySpan<byte> body, SimulatedMessage message) => body.SequenceEqual(BodyOf(message));

    private static byte[] BodyOf(SimulatedMessage message)
    {
        var body = new byte[message.BodyLength];
        for (var index = 0; index < body.Length; index++)
        {
            body[index] = (byte)(message.Origin + index);
        }

        return body;
    }

    /// <summary>The queue and the offset of a message.</summary>
    public static (int Queue, long Offset) PlaceOf(MessageExt message)
        => ((int)(message.CommitLogOffset / PerQueue), message.CommitLogOffset % PerQueue);

    private static byte[] Encode(SimulatedQueue queue, SimulatedMessage message)
    {
        var properties = new List<KeyValuePair<string, string>>
        {
            new(MessageProperties.Keys, $"k{message.Origin}"),
            new(MessageProperties.Tags, SimulatedWorld.TagOf(message.Tag)),
            new(MessageProperties.ShardingKey, $"{message.Key}"),
        };
        if (message.Attempts > 0)
        {
            properties.Add(new(MessageProperties.RetryTopic, SimulatedWorld.Topic));
        }

        return new StoredMessage
        {
            Topic = queue.Id.Topic,
            QueueId = queue.Id.QueueId,
            Body = BodyOf(message),
            QueueOffset = message.Offset,
            CommitLogOffset = (queue.Index * PerQueue) + message.Offset,
            ReconsumeTimes = message.Attempts,
            BornHost = Host,
            StoreHost = Host,
            Properties = MessageProperties.Encode(properties),
        }.Encode();
    }
}
