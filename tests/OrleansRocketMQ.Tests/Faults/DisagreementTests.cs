using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Servers that do not say the same: name servers that know different brokers, brokers set up differently, members whose clocks differ.</summary>
public sealed class DisagreementTests
{
    [Fact]
    public async Task Brokers_that_are_known_to_one_name_server_each_are_all_consumed_whichever_silo_asks_which()
    {
        const string Group = "disagreeing";
        await using var first = await EmbeddedRocketMQ.StartAsync(TestRocketMQ.QuickRetries);
        await using var second = await EmbeddedRocketMQ.StartAsync(TestRocketMQ.QuickRetries with { BrokerName = "broker-b" });
        var recorder = new Recorder();
        foreach (var rocketmq in new[] { first, second })
        {
            rocketmq.CreateTopic(TestRocketMQ.Topic, 4);
        }

        await using var cluster = await TestCluster.BeginAsync(
            $"{first.NameServerAddress};{second.NameServerAddress}", Group, TestRocketMQ.Topic, recorder.Succeed(), silos: 3, setUp: builder => DeclaredListeners.HideIn(builder.Services));
        foreach (var rocketmq in new[] { first, second })
        {
            await using var client = new RocketMQClient(
                new RocketMQClientOptions { NameServerAddresses = [rocketmq.NameServerAddress], ClientId = "127.0.0.1@producer" }, NullLoggerFactory.Instance);
            foreach (var queue in Enumerable.Range(0, 4))
            {
                await SendAsync(client, rocketmq.Broker, $"{rocketmq.Broker.Name}/{queue}", queue);
            }
        }

        await recorder.UntilAsync(8);
        Assert.Equal(8, recorder.Bodies.Distinct().Count());
    }

    [Fact]
    public async Task Name_servers_that_cannot_be_resolved_or_reached_keep_no_silo_from_consuming()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        await using var cluster = await TestCluster.BeginAsync(
            $"no-such-host.invalid:9876;{rocketmq.Embedded.NameServerAddress};[::1]:1;127.0.0.1:1;", rocketmq.MyGroup, TestRocketMQ.Topic, rocketmq.Recorder.Succeed());

        await rocketmq.Recorder.UntilAsync(1);
    }

    [Fact]
    public async Task A_condition_that_only_one_broker_takes_is_consumed_there()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var second = await rocketmq.Embedded.AddBrokerAsync("broker-b");
        second.CreateTopic(TestRocketMQ.Topic, 1);
        var refusal = Fault.Answer(ResponseCodes.SystemError, "The broker does not support consumer to filter message by SQL92") with { BrokerName = rocketmq.Broker.Name };
        rocketmq.Faults.Inject(refusal with { RequestCode = RequestCodes.CheckClientConfig });
        rocketmq.Faults.Inject(refusal with { RequestCode = RequestCodes.PullMessage, When = target => target.Request["topic"] == TestRocketMQ.Topic });
        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            rocketmq.Recorder.Succeed(),
            consumer => consumer.Subscribe(TestRocketMQ.Topic, MessageSelector.BySql("color = 'red'")));
        await SendAsync(rocketmq.Client, second, "red", 0);

        await rocketmq.Recorder.UntilAsync(1);
        Assert.Contains(
            cluster.StatusOf(rocketmq.MyGroup)[0].Queues,
            queue => queue.Queue.BrokerName == rocketmq.Broker.Name && queue.LastError.Contains("SQL92", StringComparison.Ordinal));
    }

    [Fact]
    public Task Tags_are_those_of_the_silo_though_another_member_with_other_tags_has_a_clock_that_is_ahead()
        => SelectorsDifferAsync(MessageSelector.ByTag("a"), MessageSelector.ByTag("a || b"), message => message.Tags = "b");

    [Fact]
    public Task A_condition_is_that_of_the_silo_though_another_member_with_another_condition_has_a_clock_that_is_ahead()
        => SelectorsDifferAsync(MessageSelector.BySql("color = 'blue'"), MessageSelector.BySql("color = 'red'"), message => message["color"] = "red");

    [Fact]
    public Task A_condition_is_that_of_the_silo_though_another_member_with_tags_has_a_clock_that_is_ahead()
        => SelectorsDifferAsync(MessageSelector.ByTag("a"), MessageSelector.BySql("color = 'red'"), message => message["color"] = "red");

    private static async Task SelectorsDifferAsync(MessageSelector others, MessageSelector ours, Action<Message> wanted)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var other = new RocketMQClient(
            new RocketMQClientOptions { NameServerAddresses = [rocketmq.Embedded.NameServerAddress], ClientId = "9@ahead" }, NullLoggerFactory.Instance);
        other.Start();
        var data = new ConsumerData
        {
            GroupName = rocketmq.MyGroup,
            SubscriptionDataSet =
            [
                SubscriptionData.From(TestRocketMQ.Topic, others, DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds()),
                SubscriptionData.From(rocketmq.RetryTopic, MessageSelector.All, 1),
            ],
        };
        other.RegisterConsumer(rocketmq.MyGroup, () => data, [TestRocketMQ.Topic]);
        await Eventually.TrueAsync(() => rocketmq.Broker.ClientsOf(rocketmq.MyGroup).Count == 1, "the other member");
        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress, rocketmq.MyGroup, TestRocketMQ.Topic, rocketmq.Recorder.Succeed(), consumer => consumer.Subscribe(TestRocketMQ.Topic, ours));

        // Of two members the silo has the only queue of the topic or that of the retries.
        await other.UnregisterConsumerAsync(rocketmq.MyGroup);
        other.RegisterConsumer(rocketmq.MyGroup, () => data, [TestRocketMQ.Topic]);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        await rocketmq.SendAsync(2, prepare: wanted);
        await rocketmq.Recorder.UntilAsync(2);
    }

    private static Task<SendMessageResponse> SendAsync(RocketMQClient client, EmbeddedBroker broker, string body, int queue) => client.Brokers.SendAsync(broker.Address, new()
    {
        ProducerGroup = "test_producer",
        Topic = TestRocketMQ.Topic,
        BrokerName = broker.Name,
        QueueId = queue,
        Body = Encoding.UTF8.GetBytes(body),
        Properties = "color\u0001red\u0002",
        BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
    });
}
