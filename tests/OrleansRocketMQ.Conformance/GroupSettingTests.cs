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

        await SetAsync(topic, retryQueues);
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
        await SetAsync(topic, retryQueues: 1, mayConsume: false);
        await rocketmq.SendAsync(topic, ["1", "2"]);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(_group).SelectMany(status => status.Queues).Any(queue => queue.Queue.Topic == topic && queue.LastError.Contains("no permission", StringComparison.Ordinal)),
            "the queue says so");

        await SetAsync(topic, retryQueues: 1);
        await recorder.UntilAsync(2);
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 2, "both are committed");
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

    private async Task SetAsync(string topic, int retryQueues, bool mayConsume = true)
    {
        var body = Encoding.UTF8.GetBytes(
            $$"""{"groupName":"{{_group}}","consumeEnable":{{(mayConsume ? "true" : "false")}},"consumeFromMinEnable":true,"consumeBroadcastEnable":true,"retryQueueNums":{{retryQueues}},"retryMaxTimes":16,"whichBrokerWhenConsumeSlowly":1,"notifyConsumerIdsChangedEnable":true}""");
        foreach (var broker in await rocketmq.MastersOfAsync(topic))
        {
            await rocketmq.Client.Brokers.InvokeAsync(broker, RemotingCommand.Request(RequestCodes.UpdateAndCreateSubscriptionGroup, body));
        }
    }
}
