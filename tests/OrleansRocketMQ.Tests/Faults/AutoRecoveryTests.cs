using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>With auto recovery a queue goes on by itself, without it when somebody says so.</summary>
public sealed class AutoRecoveryTests
{
    [Fact]
    public async Task Without_auto_recovery_a_queue_that_fails_too_often_stops_with_its_error_until_it_is_resumed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options =>
        {
            options.AutoRecovery = false;
            options.MaxRetryTimes = 2;
            options.PullSuspendTimeout = TimeSpan.FromMilliseconds(300);
        });
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        var failing = rocketmq.Faults.Inject(Embedded.Fault.Answer(ResponseCodes.SystemError) with
        {
            When = target => target.Request.Code == RequestCodes.PullMessage && target.Request["topic"] == TestRocketMQ.Topic,
        });

        await Eventually.TrueAsync(() => Queue(cluster, rocketmq).HasFailed, "the queue stops");
        Assert.Contains("could not be pulled from", Queue(cluster, rocketmq).LastError, StringComparison.Ordinal);
        failing.Dispose();
        await rocketmq.SendAsync(10, first: 10);
        await Task.Delay(500);
        Assert.Equal(10, rocketmq.Recorder.Count);
        Assert.True(Queue(cluster, rocketmq).HasFailed);

        await cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup).ResumeAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
        await rocketmq.UntilCommittedAsync(20);
        await Eventually.TrueAsync(() => Queue(cluster, rocketmq) is { HasFailed: false, LastError: "" }, "the error is forgotten");
    }

    [Fact]
    public async Task A_broker_that_asks_for_patience_has_not_failed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options =>
        {
            (options.AutoRecovery, options.MaxRetryTimes) = (false, 3);
            options.PullSuspendTimeout = TimeSpan.FromMilliseconds(300);
        });
        var pulls = 0;
        var failed = 0;
        using var busy = rocketmq.Faults.Inject(Embedded.Fault.Answer(ResponseCodes.FlowControl) with
        {
            When = target => IsPull(target) && Interlocked.Increment(ref pulls) <= 5,
        });
        using var failing = rocketmq.Faults.Inject(Embedded.Fault.Answer(ResponseCodes.SystemError) with
        {
            When = target => IsPull(target) && Volatile.Read(ref pulls) > 5 && Interlocked.Exchange(ref failed, 1) == 0,
        });
        await Eventually.TrueAsync(() => Volatile.Read(ref failed) == 1, "the broker was busy five times, and then failed once");

        await rocketmq.SendAsync(10);

        await rocketmq.UntilCommittedAsync(10);
        Assert.False(Queue(cluster, rocketmq).HasFailed);

        static bool IsPull(Embedded.FaultTarget target) => target.Request.Code == RequestCodes.PullMessage && target.Request["topic"] == TestRocketMQ.Topic;
    }

    [Fact]
    public async Task With_auto_recovery_a_queue_goes_on_by_itself_however_often_it_failed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var failing = rocketmq.Faults.Inject(Embedded.Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.QueryConsumerOffset, Times = 6 });
        await using var cluster = await rocketmq.BeginAsync(configure: options =>
        {
            options.MaxRetryTimes = 1;
            options.RetryInterval = TimeSpan.FromMilliseconds(20);
        });

        await rocketmq.SendAsync(10);

        await rocketmq.UntilCommittedAsync(10);
        Assert.False(Queue(cluster, rocketmq).HasFailed);
    }

    [Fact]
    public async Task A_queue_whose_offset_cannot_be_read_tells_so_and_consumes_nothing()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var failing = rocketmq.Faults.Inject(Embedded.Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.QueryConsumerOffset });
        await using var cluster = await rocketmq.BeginAsync(configure: options => (options.AutoRecovery, options.MaxRetryTimes) = (false, 1));
        await rocketmq.SendAsync(10);

        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue is { HasFailed: true, Queue.Topic: TestRocketMQ.Topic }), "the queue stops");
        Assert.StartsWith("The offset of", Queue(cluster, rocketmq).LastError, StringComparison.Ordinal);
        Assert.Equal(0, rocketmq.Recorder.Count);

        failing.Dispose();
        await cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup).ResumeAsync(ConsumerScope.Everything);
        await rocketmq.UntilCommittedAsync(10);
    }

    private static QueueStatus Queue(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic);
}
