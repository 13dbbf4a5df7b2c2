using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// Messages that always fail, and that a broker may refuse to take back, end where an operator finds them: among the dead
/// letters, or parked. What is behind them is consumed.
/// </summary>
[Collection(RocketMQCollection.Name)]
public sealed class PoisonTests(RocketMQCluster rocketmq)
{
    private const string Bad = "bad";

    private static readonly Dictionary<string, Func<SendMessageRequest, SendMessageRequest>> Kinds = new()
    {
        // Larger than what brokers take, before it is compressed.
        ["large but compresses well"] = request => request with
        {
            Body = Compressed(new byte[6 * 1024 * 1024]),
            SysFlag = MessageSysFlag.Compressed | ((int)CompressionType.Zlib << 8),
        },

        // A retry adds properties, for which there is no room.
        ["full of properties"] = request => request with { Properties = request.Properties + $"x\u0001{new string('v', 32_500)}\u0002" },

        // As agents write them that append without a separator.
        ["with properties that are no table"] = request => request with { Properties = request.Properties + "TAGS\u0001tag\u00010\u0002" },

        // Alone, brokers of 5.x refuse it; among others they take it.
        ["without a body"] = request => request with { Batch = true, Body = Item([], request.Properties), Properties = string.Empty },
    };

    private readonly string _group = RocketMQCluster.NewName("group");

    public static TheoryData<string, string> All
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (var kind in Kinds.Keys)
            {
                all.Add(kind, "concurrent");
                all.Add(kind, "in order");
                all.Add(kind, "by key");
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_message_that_always_fails_ends_where_an_operator_finds_it_and_the_next_ones_are_consumed(string kind, string mode)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await SendPoisonAsync(topic, kind);
        await rocketmq.SendAsync(topic, ["1", "2"], message => message.ShardingKey = "k");
        await using var cluster = await ConsumeAsync(topic, mode);

        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 3, "all three are done");

        var parked = await cluster.Silos.Client.GetGrain<IParkedMessageGrain>(_group).ListAsync();
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count + parked.Total == 1, "one letter, or one that is parked");
        var found = (await letters.ListAsync()).Letters.Select(letter => (letter.Topic, letter.Keys)).Concat(parked.Messages.Select(message => (message.Topic, message.Keys)));
        Assert.Equal((topic, Bad), Assert.Single(found));
    }

    private static byte[] Compressed(byte[] body)
    {
        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal))
        {
            zlib.Write(body);
        }

        return compressed.ToArray();
    }

    private static byte[] Item(byte[] body, string properties)
    {
        var text = Encoding.UTF8.GetBytes(properties);
        var item = new byte[22 + body.Length + text.Length];
        BinaryPrimitives.WriteInt32BigEndian(item, item.Length);
        BinaryPrimitives.WriteInt32BigEndian(item.AsSpan(16), body.Length);
        body.CopyTo(item, 20);
        BinaryPrimitives.WriteInt16BigEndian(item.AsSpan(20 + body.Length), (short)text.Length);
        text.CopyTo(item, 22 + body.Length);
        return item;
    }

    private async Task SendPoisonAsync(string topic, string kind)
    {
        var queue = (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues[0];
        await rocketmq.Client.Brokers.SendAsync(rocketmq.MasterOf(queue), Kinds[kind](new SendMessageRequest
        {
            ProducerGroup = "conformance_producer",
            Topic = topic,
            BrokerName = queue.BrokerName,
            QueueId = queue.QueueId,
            Body = Encoding.UTF8.GetBytes(Bad),
            BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            Properties = $"KEYS\u0001{Bad}\u0002{MessageProperties.ShardingKey}\u0001k\u0002",
        }));
    }

    private Task<TestCluster> ConsumeAsync(string topic, string mode)
    {
        return mode switch
        {
            "in order" => OrderlyCluster.ConsumeAsync(
                rocketmq.NameServer,
                _group,
                topic,
                (messages, _, _) => ValueTask.FromResult(messages[0].Keys == Bad ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
                Quick),
            "by key" => ScriptedKeyedListener.ConsumeAsync(
                rocketmq.NameServer,
                _group,
                topic,
                (_, messages, _, _) => ValueTask.FromResult(messages[0].Keys == Bad ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
                consumer => Quick(consumer.Options)),
            _ => TestCluster.ConsumeAsync(
                rocketmq.NameServer,
                _group,
                topic,
                (messages, _, _) => ValueTask.FromResult(messages[0].Keys == Bad ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
                consumer => consumer.Configure(Quick)),
        };

        static void Quick(ConsumerOptions options)
        {
            options.MaxReconsumeTimes = 0;
            options.ParkAfter = TimeSpan.FromSeconds(1);
            options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(50);
            options.KeyRetryBackoff = options.MaxKeyRetryBackoff = TimeSpan.FromMilliseconds(50);
            options.RetryInterval = TimeSpan.FromMilliseconds(200);
            options.PersistInterval = TimeSpan.FromMilliseconds(500);
        }
    }
}
