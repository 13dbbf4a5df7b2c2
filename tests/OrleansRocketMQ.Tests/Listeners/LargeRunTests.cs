using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Listeners;

/// <summary>Large messages for listeners on other silos: no call is larger than silos let pass.</summary>
public sealed class LargeRunTests
{
    private const int Messages = 40;

    [Fact]
    public async Task Large_bodies_that_compress_well_travel_between_silos_compressed()
    {
        var body = ZlibDecompressor.Compress(new byte[4 * 1024 * 1024]);

        await ConsumeOnBothSilosAsync(body, MessageSysFlag.Compressed | ((int)CompressionType.Zlib << 8), mostBytes: 16 * 1024 * 1024, 4 * 1024 * 1024);
    }

    [Fact]
    public async Task What_one_call_carries_is_cut_below_what_silos_let_pass()
    {
        await ConsumeOnBothSilosAsync(new byte[1024 * 1024], sysFlag: 0, mostBytes: 4 * 1024 * 1024, 1024 * 1024);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_one_call_carries_to_a_listener_of_a_queue_or_of_a_key_on_another_silo_is_cut_too(bool inOrder)
    {
        // So many that not all of them are by chance on the silo of their queue.
        const int Listeners = 16;
        const int MessagesOfEach = 8;
        const int BodyLength = 512 * 1024;
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: inOrder ? Listeners : 1, TestRocketMQ.QuickRetries);
        using var log = new WarningLog();
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Services.AddLogging(logging => logging.AddProvider(log));
                builder.Services.Configure<SiloMessagingOptions>(options => options.MaxMessageBodySize = 2 * 1024 * 1024);
                builder.Configure(options => options.MaxFrameLength = 1024 * 1024);
                void SetUp(ConsumerBuilder consumer) => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.ConsumeBatchSize = MessagesOfEach;
                });
                _ = inOrder ? builder.AddConsumer<FarOrderlyListener>(rocketmq.MyGroup, SetUp) : builder.AddConsumer<FarKeyedListener>(rocketmq.MyGroup, SetUp);
            },
            silos: 2);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        var owners = cluster.Silos.Silos.SelectMany(silo => cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IRocketMQSiloStatus>().Groups
                .Single(group => group.Group == rocketmq.MyGroup).Queues.Select(queue => (queue.Queue, silo.SiloAddress)))
            .ToDictionary(pair => pair.Queue, pair => pair.SiloAddress);

        for (var number = 0; number < Listeners * MessagesOfEach; number++)
        {
            var message = new Message(TestRocketMQ.Topic, Incompressible(BodyLength)) { ShardingKey = $"key-{number % Listeners}" };
            await rocketmq.Producer.SendAsync(message, new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, inOrder ? number % Listeners : 0));
        }

        (MessageQueue Queue, int Length, Orleans.Runtime.SiloAddress Silo)[] Seen()
            => [.. FarListeners.Seen.Where(seen => seen.Key.Group == rocketmq.MyGroup).Select(seen => (seen.Key.Queue, seen.Value.Length, seen.Value.Silo))];
        await Eventually.TrueAsync(
            () => Seen().Length == Listeners * MessagesOfEach, () => $"all messages; there are {Seen().Length}; {string.Join(Environment.NewLine, log.Lines)}");

        Assert.All(Seen(), seen => Assert.Equal(BodyLength, seen.Length));
        Assert.Contains(Seen(), seen => !owners[seen.Queue].Equals(seen.Silo));
        Assert.DoesNotContain(log.Lines, line => line.Contains("Invalid body size", StringComparison.Ordinal) || line.Contains("cannot reach its listener", StringComparison.Ordinal));
    }

    private static byte[] Incompressible(int length)
    {
        var body = new byte[length];
        Random.Shared.NextBytes(body);
        return body;
    }

    /// <summary>Where Orleans puts the few listeners that do all the work is chance: begins anew until one was not on the queue's silo.</summary>
    private static async Task ConsumeOnBothSilosAsync(byte[] body, int sysFlag, int mostBytes, int bodyLength)
    {
        const int MostTries = 20;
        for (var attempt = 0; attempt < MostTries; attempt++)
        {
            await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, TestRocketMQ.QuickRetries);
            await SendAsync(rocketmq, body, sysFlag);
            await ConsumeAsync(rocketmq, mostBytes, bodyLength);
            if (SpreadListener.SilosOf(rocketmq.MyGroup).Distinct().Count() > 1)
            {
                return;
            }
        }

        Assert.Fail($"In {MostTries} tries no listener was on another silo.");
    }

    private static async Task ConsumeAsync(TestRocketMQ rocketmq, int mostBytes, int bodyLength)
    {
        using var log = new WarningLog();
        var lengths = new System.Collections.Concurrent.ConcurrentDictionary<long, int>();
        ScriptedListener.Script(rocketmq.MyGroup, (messages, _, _) =>
        {
            foreach (var message in messages)
            {
                lengths[message.QueueOffset] = message.Body.Length;
            }

            return ValueTask.FromResult(ConsumeResult.Success);
        });
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Services.AddLogging(logging => logging.AddProvider(log));
                builder.Services.Configure<SiloMessagingOptions>(options => options.MaxMessageBodySize = mostBytes);
                builder.Configure(options => options.MaxFrameLength = mostBytes / 2).AddConsumer<SpreadListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.ConsumeBatchSize = 8;
                    options.RetryInterval = TimeSpan.FromMilliseconds(100);
                }));
            },
            silos: 2);

        await Eventually.TrueAsync(() => lengths.Count == Messages, () => $"{Messages} messages; there are {lengths.Count}; {string.Join(Environment.NewLine, log.Lines)}");

        Assert.All(lengths.Values, length => Assert.Equal(bodyLength, length));
        Assert.DoesNotContain(log.Lines, line => line.Contains("Invalid body size", StringComparison.Ordinal) || line.Contains("cannot reach its listener", StringComparison.Ordinal));
    }

    private static async Task SendAsync(TestRocketMQ rocketmq, byte[] body, int sysFlag)
    {
        for (var number = 0; number < Messages; number++)
        {
            await rocketmq.Client.Brokers.SendAsync(rocketmq.Broker.Address, new SendMessageRequest
            {
                ProducerGroup = "test_producer",
                Topic = TestRocketMQ.Topic,
                BrokerName = rocketmq.Broker.Name,
                QueueId = 0,
                Body = body,
                BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
                SysFlag = sysFlag,
            });
        }
    }
}
