using System.Collections.Concurrent;
using System.Text;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Brokers say yes to a failed message that is given back to them, and yet it is lost, as the group's retry queues are set up otherwise.</summary>
public sealed class RetryQueueTests
{
    private readonly ConcurrentDictionary<string, int> _calls = new();

    [Fact]
    public async Task Where_a_change_of_the_groups_setting_alone_sends_retries_to_queues_nobody_reads_they_come_all_the_same()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using (await rocketmq.ConsumeAsync(FailsFirst(rocketmq)))
        {
            await rocketmq.SendAsync(1);
            await rocketmq.Recorder.UntilAsync(2);
        }

        Assert.Equal(1, rocketmq.Broker.QueueCount(rocketmq.RetryTopic));
        await SetAsync(rocketmq, retryQueues: 8);
        await using var cluster = await rocketmq.ConsumeAsync(FailsFirst(rocketmq));
        await rocketmq.SendAsync(30, first: 1);

        await rocketmq.Recorder.UntilAsync(62);
        Assert.Equal(31, rocketmq.Recorder.Bodies.Distinct().Count());
    }

    [Fact]
    public async Task Retry_queues_as_many_as_the_setting_says_are_all_read()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SetAsync(rocketmq, retryQueues: 8);
        await using var cluster = await rocketmq.ConsumeAsync(FailsFirst(rocketmq));
        await rocketmq.SendAsync(30);

        await rocketmq.Recorder.UntilAsync(60);
        Assert.Equal(8, rocketmq.Broker.QueueCount(rocketmq.RetryTopic));
    }

    [Fact]
    public async Task A_message_of_a_group_without_retry_queues_is_not_lost_when_it_fails()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SetAsync(rocketmq, retryQueues: 0);
        await using var cluster = await rocketmq.ConsumeAsync(FailsFirst(rocketmq));
        await rocketmq.SendAsync(2);

        await rocketmq.UntilCommittedAsync(2);
        Assert.Equal(2, rocketmq.Recorder.Bodies.Distinct().Count());
        Assert.All(_calls.Values, calls => Assert.True(calls > 1));
    }

    [Fact]
    public async Task A_message_of_a_group_without_retry_queues_that_fails_again_and_again_is_parked_with_the_reason_and_the_remedy()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SetAsync(rocketmq, retryQueues: 0);
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, _) => Text(messages) == "0" ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            options => options.ParkAfter = TimeSpan.FromSeconds(1));
        await rocketmq.SendAsync(2);

        await rocketmq.UntilCommittedAsync(2);
        var parked = Assert.Single((await cluster.Silos.Client.GetGrain<IParkedMessageGrain>(rocketmq.MyGroup).ListAsync()).Messages);
        Assert.All(
            ["retryQueueNums=0", rocketmq.MyGroup, rocketmq.Broker.Address, "mqadmin updateSubGroup"],
            part => Assert.Contains(part, parked.Reason, StringComparison.Ordinal));
    }

    private static string Text(MessageBatch messages) => Encoding.UTF8.GetString(messages[0].Body.Span);

    private static Task<RemotingCommand> SetAsync(TestRocketMQ rocketmq, int retryQueues) => rocketmq.Client.Brokers.InvokeAsync(rocketmq.Broker.Address, RemotingCommand.Request(
        RequestCodes.UpdateAndCreateSubscriptionGroup,
        Encoding.UTF8.GetBytes($$"""{"groupName":"{{rocketmq.MyGroup}}","consumeEnable":true,"retryQueueNums":{{retryQueues}},"retryMaxTimes":16}""")));

    private ListenerScript FailsFirst(TestRocketMQ rocketmq)
        => rocketmq.Recorder.Then((messages, _) => _calls.AddOrUpdate(Text(messages), 1, (_, before) => before + 1) == 1 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success);
}
