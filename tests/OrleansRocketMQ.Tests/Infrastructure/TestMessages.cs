using System.Net;

namespace OrleansRocketMQ.Tests.Infrastructure;

internal static class TestMessages
{
    private static readonly IPEndPoint Host = new(IPAddress.Loopback, 10911);

    public static MessageExt At(long offset, int bodyLength = 8, string topic = "T", string? tags = null, int reconsumeTimes = 0, string? shardingKey = null)
        => Decode(new StoredMessage
        {
            Topic = topic,
            Body = new byte[bodyLength],
            QueueOffset = offset,
            BornHost = Host,
            StoreHost = Host,
            ReconsumeTimes = reconsumeTimes,
            Properties = Encode([new("TAGS", tags), new(MessageProperties.ShardingKey, shardingKey)]),
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
        var bytes = offsets.SelectMany(offset => new StoredMessage
        {
            Topic = "T",
            Body = new byte[bodyLength],
            QueueOffset = offset,
            BornHost = Host,
            StoreHost = Host,
            Properties = Encode([new(MessageProperties.ShardingKey, shardingKey?.Invoke(offset))]),
        }.Encode()).ToArray();
        return [.. MessageDecoder.DecodeAll(bytes, "broker-a")];
    }

    private static string Encode(KeyValuePair<string, string?>[] properties)
        => MessageProperties.Encode(properties.Where(property => property.Value is not null).Select(property => new KeyValuePair<string, string>(property.Key, property.Value!)));

    private static MessageExt Decode(StoredMessage message) => Assert.Single(MessageDecoder.DecodeAll(message.Encode(), "broker-a"));
}
