using System.Collections.Concurrent;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>A master goes, or cannot keep up with a slow group, and its slave is there.</summary>
public sealed class SlaveReadTests
{
    private const string Master = "broker-a";
    private const string Slave = "broker-a (slave 1)";
    private static readonly EmbeddedRocketMQOptions WithSlave = TestRocketMQ.QuickRetries with { Slaves = 1, SlaveReadEnable = true };

    [Fact]
    public async Task While_the_master_is_away_its_slave_is_consumed_and_the_master_again_when_it_is_back()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2, WithSlave);
        await rocketmq.SendAsync(200);
        var open = new TaskCompletionSource();
        await using var cluster = await rocketmq.BeginAsync(
            async (messages, context, _) =>
            {
                await open.Task;
                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            options => (options.PullThresholdForQueue, options.PullBatchSize) = (20, 10));
        await Eventually.TrueAsync(() => Cached(cluster, rocketmq) == 40, () => $"40 messages wait for the listener; {Cached(cluster, rocketmq)} do");

        await rocketmq.Broker.StopAsync();
        open.SetResult();
        await rocketmq.UntilAllCameAsync(200);
        var slave = rocketmq.Broker.Slaves[0];
        await Eventually.TrueAsync(() => CommittedAt(slave, rocketmq) == 200, () => $"200 committed at the slave; it is {CommittedAt(slave, rocketmq)}");
        Assert.True(rocketmq.Committed() < 200);

        // With nothing left to tell, the master must hear all the same what only its slave knows.
        await rocketmq.Broker.StartAsync();
        await rocketmq.UntilCommittedAsync(200);
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPulls == 3, "every queue's pull waits at the master");
        var pullsAtSlave = rocketmq.Faults.RequestsSeen(RequestCodes.PullMessage, Slave);
        await rocketmq.SendAsync(20, first: 200);
        await rocketmq.UntilAllCameAsync(220);
        await rocketmq.UntilCommittedAsync(220);

        Assert.Equal(220, rocketmq.Recorder.Count);
        Assert.Equal(pullsAtSlave, rocketmq.Faults.RequestsSeen(RequestCodes.PullMessage, Slave));
    }

    [Fact]
    public async Task A_slave_that_has_nothing_more_is_asked_now_and_then_while_the_master_is_away()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, WithSlave);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(5);
        await rocketmq.UntilAllCameAsync(5);

        await rocketmq.Broker.StopAsync();
        await Eventually.TrueAsync(() => Pulls() >= 16, () => $"16 pulls at the slave; there are {Pulls()}");
        var (before, since) = (Pulls(), TimeProvider.System.GetTimestamp());
        await Eventually.TrueAsync(() => Pulls() >= before + 4, () => $"{before + 4} pulls at the slave; there are {Pulls()}");

        // Two queues, %RETRY%'s one too; by now each is left alone for half a second at least after each pull.
        Assert.True(TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromMilliseconds(400));

        long Pulls() => rocketmq.Faults.RequestsSeen(RequestCodes.PullMessage, Slave);
    }

    [Fact]
    public async Task A_message_that_fails_while_the_master_is_away_is_kept_and_given_back_when_it_is_there()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, WithSlave);
        await rocketmq.SendAsync(10);
        var open = new TaskCompletionSource();
        await using var cluster = await rocketmq.BeginAsync(
            async (messages, context, _) =>
            {
                await open.Task;
                rocketmq.Recorder.Record(messages, context);
                return TestRocketMQ.Text(messages[0]) == "3" && messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
            });
        await Eventually.TrueAsync(() => Cached(cluster, rocketmq) == 10, "10 messages wait for the listener");

        await rocketmq.Broker.StopAsync();
        open.SetResult();

        // Nobody takes it back, so it is tried here again.
        await Eventually.TrueAsync(() => rocketmq.Recorder.Bodies.Count(body => body == "3") >= 2, "message 3 comes again while the master is away");
        Assert.Equal(3, CommittedAt(rocketmq.Broker.Slaves[0], rocketmq));
        Assert.Equal(0, rocketmq.Faults.RequestsSeen(RequestCodes.ConsumerSendMessageBack, Slave));
        await rocketmq.Broker.StartAsync();
        await Eventually.TrueAsync(() => rocketmq.Recorder.Deliveries.Any(delivery => delivery.Body == "3" && delivery.Message.ReconsumeTimes == 1), "message 3 comes from the retry topic");

        await rocketmq.UntilCommittedAsync(10);
        Assert.All(rocketmq.Recorder.Bodies.Where(body => body != "3").GroupBy(body => body), same => Assert.Single(same));
    }

    [Fact]
    public async Task Only_the_queue_that_is_far_behind_is_pulled_from_the_slave_and_only_until_it_has_caught_up()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2, WithSlave with { SlowReadBytes = 10_000 });
        foreach (var number in Enumerable.Range(0, 300))
        {
            await SendToAsync(rocketmq, queueId: 0, number);
        }

        await SendToAsync(rocketmq, queueId: 1, 300);
        var pulls = new ConcurrentQueue<(string Server, int QueueId)>();
        using var watching = rocketmq.Faults.Inject(Fault.Delay(TimeSpan.Zero) with
        {
            RequestCode = RequestCodes.PullMessage,
            When = target =>
            {
                if (target.Request["topic"] == TestRocketMQ.Topic)
                {
                    pulls.Enqueue((target.Server, target.Request.GetInt32("queueId")));
                }

                return false;
            },
        });

        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.UntilAllCameAsync(301);
        await rocketmq.UntilCommittedAsync(301);
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPulls == 3, "every queue's pull waits at the master");

        var ofSlowQueue = pulls.Where(pull => pull.QueueId == 0).Select(pull => pull.Server).ToArray();
        Assert.Equal(Master, ofSlowQueue[0]);
        Assert.Equal(Slave, ofSlowQueue[1]);
        Assert.Equal(Master, ofSlowQueue[^1]);
        Assert.DoesNotContain((Slave, 1), pulls);
        Assert.Equal(301, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_slave_that_is_behind_itself_costs_nothing_but_a_pull()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, WithSlave with { SlowReadBytes = 2_000 });
        rocketmq.Broker.Slaves[0].PauseReplication();
        await rocketmq.SendAsync(200);

        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.UntilAllCameAsync(200);

        Assert.True(rocketmq.Faults.RequestsSeen(RequestCodes.PullMessage, Slave) > 0);
        Assert.Equal(TestRocketMQ.Numbers(200), rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task In_order_a_queue_waits_for_its_master_since_only_that_has_the_lock()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, WithSlave);
        var recorder = new OrderlyRecorder();
        var ready = new TaskCompletionSource();
        var lockLost = new TaskCompletionSource();
        await rocketmq.SendAsync(50);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            async (messages, context, cancellationToken) =>
            {
                if (TestRocketMQ.Text(messages[0]) == "20" && !lockLost.Task.IsCompleted)
                {
                    await ready.Task;
                    await rocketmq.Broker.StopAsync();
                    await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    lockLost.SetResult();
                    return ConsumeOrderlyResult.SuspendCurrentQueue;
                }

                recorder.Record(messages, context, ConsumeOrderlyResult.Success);
                return ConsumeOrderlyResult.Success;
            },
            options => (options.LockInterval, options.LockExpiry) = (TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1)));

        ready.SetResult();
        await lockLost.Task.WaitAsync(Eventually.Deadline);
        Assert.Equal(20, recorder.Deliveries.Count);
        Assert.Equal(0, rocketmq.Faults.RequestsSeen(RequestCodes.LockBatchMessageQueue, Slave));
        await rocketmq.Broker.StartAsync();
        await recorder.UntilSucceededAsync(50);

        Assert.Equal(Enumerable.Range(0, 50).Select(number => $"{number}"), recorder.Succeeded.Distinct());
        Assert.Equal(0, rocketmq.Faults.RequestsSeen(RequestCodes.LockBatchMessageQueue, Slave));
    }

    private static async Task SendToAsync(TestRocketMQ rocketmq, int queueId, int number)
        => await rocketmq.Producer.SendAsync(
            new Message(TestRocketMQ.Topic, System.Text.Encoding.UTF8.GetBytes($"{number}")), new ToQueue(), queueId);

    private static int Cached(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).Sum(queue => queue.CachedMessages);

    private static long CommittedAt(EmbeddedSlave slave, TestRocketMQ rocketmq)
        => Enumerable.Range(0, rocketmq.Broker.QueueCount(TestRocketMQ.Topic)).Sum(queue => slave.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, queue) ?? 0);

    private sealed class ToQueue : IQueueSelector
    {
        public MessageQueue Select(IReadOnlyList<MessageQueue> queues, Message message, object? argument)
            => queues.Single(queue => queue.QueueId == (int)argument!);
    }
}
