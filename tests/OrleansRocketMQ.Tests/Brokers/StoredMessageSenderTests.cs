using System.Collections.Concurrent;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Brokers;

/// <summary>In which order brokers are asked to take the copy of a message.</summary>
public sealed class StoredMessageSenderTests
{
    private const string Topic = "copies";

    private readonly ConcurrentQueue<string> _asked = new();

    [Theory]
    [InlineData("broker-a", "broker-b")]
    [InlineData("broker-b", "broker-a")]
    public async Task The_broker_that_a_copy_names_is_asked_first_and_then_one_that_has_not_been_asked(string named, string other)
    {
        await using var rocketmq = await StartAsync(refusals: 1);

        var taken = await new StoredMessageSender(rocketmq.Client).SendAsync(Copy(named), CancellationToken.None);

        Assert.Equal([named, other], _asked);
        Assert.Equal(rocketmq.Embedded.Brokers.Single(broker => broker.Name == other).Address, taken);
    }

    [Fact]
    public async Task Copies_that_name_no_broker_go_to_one_queue_after_the_other()
    {
        await using var rocketmq = await StartAsync(refusals: 0);
        var sender = new StoredMessageSender(rocketmq.Client);

        for (var copy = 0; copy < 8; copy++)
        {
            await sender.SendAsync(Copy(broker: string.Empty), CancellationToken.None);
        }

        Assert.Equal(
            [2L, 2, 2, 2],
            rocketmq.Embedded.Brokers.SelectMany(broker => Enumerable.Range(0, 2).Select(queue => broker.MaxOffset(Topic, queue))));
    }

    [Fact]
    public async Task After_three_refusals_the_last_one_is_told()
    {
        await using var rocketmq = await StartAsync(refusals: 100);

        var refused = await Assert.ThrowsAsync<BrokerResponseException>(
            () => new StoredMessageSender(rocketmq.Client).SendAsync(Copy("broker-b"), CancellationToken.None));

        Assert.Equal(ResponseCodes.NoPermission, refused.ResponseCode);
        Assert.Equal(["broker-b", "broker-a"], _asked.Take(2));
        Assert.Equal(3, _asked.Count);
    }

    private static SendMessageRequest Copy(string broker) => new()
    {
        ProducerGroup = "g",
        Topic = Topic,
        BrokerName = broker,
        QueueId = 0,
        Body = "x"u8.ToArray(),
        BornTimestamp = 1,
    };

    /// <summary>Two brokers with two queues each, that refuse so many sends.</summary>
    private async Task<TestRocketMQ> StartAsync(int refusals)
    {
        var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.Embedded.AddBrokerAsync("broker-b");
        rocketmq.Embedded.CreateTopic(Topic, 2);
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.NoPermission) with
        {
            RequestCode = RequestCodes.SendMessageV2,
            When = target =>
            {
                _asked.Enqueue(target.Server);
                return _asked.Count <= refusals;
            },
        });
        return rocketmq;
    }
}
