using System.Collections.Concurrent;
using System.Text;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Groups as operators set them up at their brokers.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class GroupSettingTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public async Task A_failed_message_comes_again_whatever_number_of_retry_queues_the_group_is_set_to_later(int retryQueues)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var calls = new ConcurrentDictionary<string, int>();
        var recorder = new Recorder();
        ListenerScript failsFirst = recorder.Then((messages, _) => calls.AddOrUpdate(Encoding.UTF8.GetString(messages[0].Body.Span), 1, (_, before) => before + 1) == 1
            ? ConsumeResult.ReconsumeLater
            : ConsumeResult.Success);

        // With its first member the group gets its retry topic, of one queue.
        await using (await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, failsFirst))
        {
            await Eventually.TrueAsync(async () => await RetryQueuesAsync() == 1, "the retry topic");
        }

        await SetAsync(retryQueues);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, failsFirst);
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 12).Select(number => $"{number}"));

        await recorder.UntilAsync(24);
        Assert.Equal(12, calls.Count);
    }

    [Fact]
    public async Task A_group_that_may_not_consume_says_so_and_goes_on_when_it_may_again()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var recorder = new Recorder();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, recorder.Succeed());
        await SetAsync(retryQueues: 1, mayConsume: false);
        await rocketmq.SendAsync(topic, ["1", "2"]);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(_group).SelectMany(status => status.Queues).Any(queue => queue.Queue.Topic == topic && queue.LastError.Contains("no permission", StringComparison.Ordinal)),
            "the queue says so");

        await SetAsync(retryQueues: 1);
        await recorder.UntilAsync(2);
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 2, "both are committed");
    }

    /// <summary>Needs brokers with timers.</summary>
    [Theory]
    [InlineData("""{"type":"EXPONENTIAL","exponentialRetryPolicy":{"initial":2000,"max":3000,"multiplier":2}}""")]
    [InlineData("""{"type":"CUSTOMIZED","customizedRetryPolicy":{"next":[60000,60000,2000,3000]}}""")]
    public async Task A_group_that_goes_by_its_brokers_retry_policy_waits_and_gives_up_as_operators_say(string policy)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await SetAsync(retryQueues: 1, retryTimes: 2, policy: policy);
        var recorder = new Recorder();
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            recorder.Then((_, _) => ConsumeResult.ReconsumeLater),
            consumer => consumer.Configure(options => options.UseBrokerRetryPolicy = true));
        await Eventually.TrueAsync(() => GoesByAsync(topic, "2"), "the broker has been asked");

        await rocketmq.SendAsync(topic, ["failing"]);
        await Eventually.TrueAsync(async () => (await rocketmq.ReadAllAsync(SystemTopics.DeadLetter(_group))).Count == 1, "a dead letter");

        var stored = recorder.Deliveries.Select(delivery => delivery.Message.StoreTimestamp).ToArray();
        Assert.Equal(3, stored.Length);
        Assert.InRange(stored[1] - stored[0], 1000, 9000);
        Assert.InRange(stored[2] - stored[1], 2000, 12_000);
    }

    /// <summary>Whether the member says that messages may fail so often.</summary>
    private async Task<bool> GoesByAsync(string topic, string times)
    {
        var broker = (await rocketmq.MastersOfAsync(topic))[0];
        var request = RemotingCommand.Request(RequestCodes.GetConsumerRunningInfo)
            .Set("consumerGroup", _group)
            .Set("clientId", Assert.Single(await rocketmq.Client.Brokers.GetConsumerIdsAsync(broker, _group)))
            .Set("jstackEnable", false);
        var info = Encoding.UTF8.GetString((await rocketmq.Client.Brokers.InvokeAsync(broker, request)).Body.Span);
        return info.Contains($"\"maxReconsumeTimes\":\"{times}\"", StringComparison.Ordinal);
    }

    private async Task<int> RetryQueuesAsync()
    {
        try
        {
            return (await rocketmq.Client.Routes.RefreshAsync(SystemTopics.Retry(_group))).Data.QueueDatas.Max(queues => queues.ReadQueueNums);
        }
        catch (TopicNotFoundException)
        {
            return 0;
        }
    }

    private async Task SetAsync(int retryQueues, bool mayConsume = true, int retryTimes = 16, string policy = """{"type":"CUSTOMIZED"}""")
    {
        var body = Encoding.UTF8.GetBytes(
            $$"""{"groupName":"{{_group}}","consumeEnable":{{(mayConsume ? "true" : "false")}},"consumeFromMinEnable":true,"consumeBroadcastEnable":true,"retryQueueNums":{{retryQueues}},"retryMaxTimes":{{retryTimes}},"groupRetryPolicy":{{policy}},"whichBrokerWhenConsumeSlowly":1,"notifyConsumerIdsChangedEnable":true}""");
        foreach (var broker in await rocketmq.MastersAsync())
        {
            await rocketmq.Client.Brokers.InvokeAsync(broker, RemotingCommand.Request(RequestCodes.UpdateAndCreateSubscriptionGroup, body));
        }
    }
}
