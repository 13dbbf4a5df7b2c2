using System.IO.Compression;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>A few bytes in the queue are very many when they are decompressed.</summary>
public sealed class ExplodingBodyTests
{
    private const int Large = 5 * 1024 * 1024;

    [Fact]
    public async Task Bodies_of_one_pull_that_together_exceed_its_budget_all_come_to_the_listener_in_their_order()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        int[] lengths = [1, Large, Large, 2, Large, 3, Large, Large];
        foreach (var length in lengths)
        {
            await SendAsync(rocketmq, length);
        }

        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset);
        await rocketmq.UntilCommittedAsync(lengths.Length);

        Assert.Equal(lengths, rocketmq.Recorder.Deliveries.OrderBy(delivery => delivery.Message.QueueOffset).Select(delivery => delivery.Message.Body.Length));
    }

    [Fact]
    public async Task A_body_longer_than_the_setting_becomes_a_dead_letter_as_it_is_stored_and_what_is_behind_it_is_consumed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendAsync(rocketmq, 65_537);
        await SendAsync(rocketmq, 65_536);
        await using var cluster = await rocketmq.ConsumeAsync(
            configure: options =>
            {
                options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                options.MaxReconsumeTimes = 1;
            },
            setUp: options => options.MaxDecompressedBodyBytes = 65_536);
        await rocketmq.UntilCommittedAsync(2);

        Assert.Equal(65_536, Assert.Single(rocketmq.Recorder.Deliveries).Message.Body.Length);
        var topic = SystemTopics.DeadLetter(rocketmq.MyGroup);
        await Eventually.TrueAsync(() => rocketmq.Broker.QueueCount(topic) > 0 && rocketmq.Broker.Messages(topic).Count > 0, "a dead letter");
        var dead = Assert.Single(rocketmq.Broker.Messages(topic));

        // Who allows more reads it.
        Assert.Equal((null, 65_537), (dead.BodyError, dead.Body.Length));
    }

    private static async Task SendAsync(TestRocketMQ rocketmq, int length) => await rocketmq.Client.Brokers.SendAsync(rocketmq.Broker.Address, new SendMessageRequest
    {
        ProducerGroup = "test_producer",
        Topic = TestRocketMQ.Topic,
        BrokerName = rocketmq.Broker.Name,
        QueueId = 0,
        Body = ZlibDecompressor.Compress(new byte[length], CompressionLevel.SmallestSize),
        BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
        SysFlag = MessageSysFlag.Compressed | ((int)CompressionType.Zlib << 8),
    });
}
