using System.Buffers;
using System.Net;

namespace OrleansRocketMQ.Tests.Infrastructure;

internal static class TestMessages
{
    private static readonly IPEndPoint Host = new(IPAddress.Loopback, 10911);

    public static MessageExt At(
        long offset,
        int bodyLength = 8,
        string topic = "T",
        string? tags = null,
        int reconsumeTimes = 0,
        string? shardingKey = null,
        Dictionary<string, string?>? properties = null)
        => Decode(new StoredMessage
        {
            Topic = topic,
            Body = new byte[bodyLength],
            QueueOffset = offset,
            BornHost = Host,
            StoreHost = Host,
            ReconsumeTimes = reconsumeTimes,
            Properties = Encode([new("TAGS", tags), new(MessageProperties.ShardingKey, shardingKey), .. properties ?? []]),
        });

    public static MessageExt UnreadableAt(long offset) => Decode(new StoredMessage
    {
        Topic = "T",
        Body = new byte[] { 1, 2, 3 },
        SysFlag = MessageSysFlag.Compressed,
        QueueOffset = offset,
        BornHost = Host,
        StoreHost = Host,
    });

    /// <summary>What one pull brings: messages that are views of the same bytes.</summary>
    public static List<MessageExt> Pull(IEnumerable<long> offsets, int bodyLength = 8, Func<long, string?>? shardingKey = null)
    {
        return [.. MessageDecoder.DecodeAll(Bytes(offsets, bodyLength, shardingKey), "broker-a")];
    }

    /// <summary>What a pull brings in an array of a pool.</summary>
    public static List<MessageExt> PooledPull(IEnumerable<long> offsets, ArrayPool<byte> pool, out PooledBody body)
    {
        body = PooledBody.Copy(new ReadOnlySequence<byte>(Bytes(offsets)), pool);
        return [.. MessageDecoder.DecodeAll(body.Memory, "broker-a")];
    }

    /// <summary>Messages that came in this order, from offset 0 on or another one, and their priorities; -1: none.</summary>
    public static List<MessageExt> WithPriorities(IEnumerable<int> priorities, long from = 0) => [.. MessageDecoder.DecodeAll(
        priorities.SelectMany((priority, index) => new StoredMessage
        {
            Topic = "T",
            Body = new byte[8],
            QueueOffset = from + index,
            BornHost = Host,
            StoreHost = Host,
            Properties = Encode([new(MessageProperties.Priority, priority < 0 ? null : $"{priority}")]),
        }.Encode()).ToArray(),
        "broker-a")];

    private static byte[] Bytes(IEnumerable<long> offsets, int bodyLength = 8, Func<long, string?>? shardingKey = null)
        => [.. offsets.SelectMany(offset => new StoredMessage
        {
            Topic = "T",
            Body = new byte[bodyLength],
            QueueOffset = offset,
            BornHost = Host,
            StoreHost = Host,
            Properties = Encode([new(MessageProperties.ShardingKey, shardingKey?.Invoke(offset))]),
        }.Encode())];

    private static string Encode(KeyValuePair<string, string?>[] properties)
        => MessageProperties.Encode(properties.Where(property => property.Value is not null).Select(property => new KeyValuePair<string, string>(property.Key, property.Value!)));

    private static MessageExt Decode(StoredMessage message) => Assert.Single(MessageDecoder.DecodeAll(message.Encode(), "broker-a"));
}
