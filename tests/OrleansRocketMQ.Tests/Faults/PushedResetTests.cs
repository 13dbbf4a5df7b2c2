using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

public sealed class PushedResetTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_reset_that_an_old_broker_sends_to_its_members_breaks_off_pulls_and_moves_every_queue(short silos)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(options: TestRocketMQ.QuickRetries with { PushOffsetResets = true });
        // Pulls that wait for a minute would show.
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.PullSuspendTimeout = TimeSpan.FromMinutes(1), silos: silos);
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);

        await ResetAsync(rocketmq, timestamp: 0);

        await Eventually.TrueAsync(() => rocketmq.Recorder.Count >= 40, () => $"40 deliveries; there are {rocketmq.Recorder.Count}", TimeSpan.FromSeconds(30));
        Assert.Equal(TestRocketMQ.Numbers(20).Concat(TestRocketMQ.Numbers(20)).Order(), rocketmq.Recorder.Bodies.Order());
        await rocketmq.UntilCommittedAsync(20);
    }

    [Fact]
    public async Task A_reset_to_the_end_leaves_out_what_no_listener_has_got_yet()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, options: TestRocketMQ.QuickRetries with { PushOffsetResets = true });
        var first = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                first.TrySetResult();
                await goOn.Task;
                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1));
        await rocketmq.SendAsync(200);
        await first.Task.WaitAsync(Eventually.Deadline);

        await ResetAsync(rocketmq, timestamp: -1);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.First(queue => queue.Queue.Topic == TestRocketMQ.Topic) is { CachedMessages: < 100 }, "the waiting messages dropped");
        goOn.SetResult();

        await rocketmq.UntilCommittedAsync(200);
        await rocketmq.SendAsync(1, first: 1000);
        await Eventually.TrueAsync(() => rocketmq.Recorder.Bodies.Contains("1000"), "the message after the reset");
        Assert.InRange(rocketmq.Recorder.Count, 2, 100);
    }

    private static async Task ResetAsync(TestRocketMQ rocketmq, long timestamp)
    {
        var answer = await rocketmq.Client.Remoting.InvokeAsync(
            rocketmq.Broker.Address,
            RemotingCommand.Request(RequestCodes.InvokeBrokerToResetOffset)
                .Set("topic", TestRocketMQ.Topic).Set("group", rocketmq.MyGroup).Set("timestamp", timestamp).Set("isForce", true));
        Assert.Equal(ResponseCodes.Success, answer.Code);
    }
}
