using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>An operator changes groups and topics at a broker while they are consumed.</summary>
public sealed class SettingsAtRunTimeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_group_that_may_not_consume_says_so_and_goes_on_when_it_may_again(bool fromTheStart)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await SetGroupAsync(rocketmq, $"\"consumeEnable\":{(fromTheStart ? "false" : "true")}");
        await using var cluster = await rocketmq.BeginAsync();
        if (!fromTheStart)
        {
            await rocketmq.SendAsync(2);
            await rocketmq.Recorder.UntilAsync(2);
            await SetGroupAsync(rocketmq, "\"consumeEnable\":false");
        }

        await rocketmq.SendAsync(4, first: 2);
        await UntilToldAsync(cluster, rocketmq, "no permission");
        await SetGroupAsync(rocketmq, "\"consumeEnable\":true");

        await rocketmq.UntilCommittedAsync(fromTheStart ? 4 : 6);
        Assert.Equal(fromTheStart ? 4 : 6, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_group_that_may_not_broadcast_says_so_and_begins_when_it_may()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await SetGroupAsync(rocketmq, "\"consumeEnable\":true,\"consumeBroadcastEnable\":false");
        await using var cluster = await rocketmq.BeginAsync(configure: options => options.MessageModel = MessageModel.Broadcasting);
        await UntilToldAsync(cluster, rocketmq, "broadcast");
        await SetGroupAsync(rocketmq, "\"consumeEnable\":true,\"consumeBroadcastEnable\":true");

        await rocketmq.SendAsync(2);
        await rocketmq.Recorder.UntilAsync(2);
    }

    [Theory]
    [InlineData(QueueData.WritePermission)]
    [InlineData(0)]
    public async Task A_topic_that_may_not_be_read_is_given_up_and_taken_up_where_it_was_when_it_may_again(int permission)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(2);
        await rocketmq.UntilCommittedAsync(2);
        await rocketmq.Client.Brokers.CreateTopicAsync(rocketmq.Broker.Address, TestRocketMQ.Topic, 2, permission);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.All(queue => queue.Queue.Topic != TestRocketMQ.Topic), "no queue of the topic");
        await SendAsync(rocketmq, "meanwhile", 0);
        await rocketmq.Client.Brokers.CreateTopicAsync(rocketmq.Broker.Address, TestRocketMQ.Topic, 2);

        await rocketmq.UntilCommittedAsync(3);
        Assert.Equal(3, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task Of_a_topic_that_shrinks_and_grows_every_message_is_consumed_once_also_in_queues_that_are_new()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.ConsumeFromWhere = ConsumeFromWhere.LastOffset, silos: 2);
        await rocketmq.SendAsync(8);
        await rocketmq.UntilCommittedAsync(8);
        rocketmq.Broker.CreateTopic(TestRocketMQ.Topic, 2);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).Count(queue => queue.Queue.Topic == TestRocketMQ.Topic) == 2, "2 queues");

        rocketmq.Broker.CreateTopic(TestRocketMQ.Topic, 8);
        foreach (var queue in Enumerable.Range(0, 8))
        {
            await SendAsync(rocketmq, $"grown {queue}", queue);
        }

        await rocketmq.UntilCommittedAsync(16);
        Assert.Equal(16, rocketmq.Recorder.Count);
        Assert.Equal(16, rocketmq.Recorder.Bodies.Distinct().Count());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_topic_that_is_deleted_and_made_anew_is_consumed_from_its_first_message(bool afterRestart)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2, TestRocketMQ.QuickRetries with { AutoCreateTopics = false });
        var cluster = await rocketmq.ConsumeAsync(configure: options => options.PullSuspendTimeout = TimeSpan.FromMilliseconds(200));
        try
        {
            await rocketmq.SendAsync(10);
            await rocketmq.UntilCommittedAsync(10);
            if (afterRestart)
            {
                // It has not seen a message of the topic yet.
                await cluster.DisposeAsync();
                cluster = await rocketmq.ConsumeAsync(configure: options => options.PullSuspendTimeout = TimeSpan.FromMilliseconds(200));
                await Eventually.TrueAsync(() => QueuesOf(cluster, rocketmq).All(queue => queue.LastPulledAt is not null), "every queue has asked");
            }

            rocketmq.Broker.DeleteTopic(TestRocketMQ.Topic);
            await Eventually.TrueAsync(() => QueuesOf(cluster, rocketmq).All(queue => queue.LastError.Contains("not exist", StringComparison.Ordinal)), "the loss is told of");
            rocketmq.Embedded.CreateTopic(TestRocketMQ.Topic, 2);
            await rocketmq.SendAsync(4, first: 10);

            await Eventually.TrueAsync(
                () => rocketmq.Recorder.Bodies.Distinct().Count() == 14, () => $"14 messages; there are {string.Join(",", rocketmq.Recorder.Bodies)}");
            await rocketmq.UntilCommittedAsync(4);
        }
        finally
        {
            await cluster.DisposeAsync();
        }
    }

    private static IEnumerable<QueueStatus> QueuesOf(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic);

    private static Task UntilToldAsync(TestCluster cluster, TestRocketMQ rocketmq, string reason) => Eventually.TrueAsync(
        () => cluster.StatusOf(rocketmq.MyGroup) is [{ Queues: { Count: > 0 } queues }] && queues.All(queue => queue.LastError.Contains(reason, StringComparison.Ordinal)),
        $"every queue says '{reason}'");

    private static Task<RemotingCommand> SetGroupAsync(TestRocketMQ rocketmq, string settings) => rocketmq.Client.Brokers.InvokeAsync(rocketmq.Broker.Address, RemotingCommand.Request(
        RequestCodes.UpdateAndCreateSubscriptionGroup, Encoding.UTF8.GetBytes($$"""{"groupName":"{{rocketmq.MyGroup}}","retryQueueNums":1,{{settings}}}""")));

    private static Task<SendMessageResponse> SendAsync(TestRocketMQ rocketmq, string body, int queue) => rocketmq.Client.Brokers.SendAsync(rocketmq.Broker.Address, new()
    {
        ProducerGroup = "test_producer",
        Topic = TestRocketMQ.Topic,
        BrokerName = rocketmq.Broker.Name,
        QueueId = queue,
        Body = Encoding.UTF8.GetBytes(body),
        BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
    });
}
