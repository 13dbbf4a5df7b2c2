using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Without a known offset nothing is dispatched; a commit that fails is made again.</summary>
public sealed class OffsetFaultTests
{
    [Fact]
    public async Task A_topic_whose_progress_is_refused_keeps_that_of_no_other_topic_from_being_stored()
    {
        const string Deleted = "deleted";
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        rocketmq.Embedded.CreateTopic(Deleted, 16);
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.TopicNotExist) with
        {
            RequestCode = RequestCodes.UpdateConsumerOffset,
            When = target => target.Request["topic"] == Deleted,
        });
        await using var cluster = await rocketmq.ConsumeAsync(configure: options =>
        {
            options.Subscriptions[Deleted] = MessageSelector.All;
            options.PersistBatchSize = 1;
            // No pull carries progress to the broker meanwhile.
            options.PullSuspendTimeout = TimeSpan.FromMinutes(5);
        });
        foreach (var number in Enumerable.Range(0, 16))
        {
            await rocketmq.Producer.SendAsync(new Message(Deleted, System.Text.Encoding.UTF8.GetBytes($"{number}")));
        }

        await rocketmq.SendAsync(1);
        await rocketmq.Recorder.UntilAsync(17);
        await rocketmq.UntilCommittedAsync(1);
    }

    [Theory]
    [InlineData(RequestCodes.QueryConsumerOffset, ConsumeFromWhere.FirstOffset)]
    [InlineData(RequestCodes.SearchOffsetByTimestamp, ConsumeFromWhere.Timestamp)]
    [InlineData(RequestCodes.GetMaxOffset, ConsumeFromWhere.LastOffset)]
    public async Task While_the_offset_cannot_be_found_nothing_is_pulled_dispatched_or_committed(int request, ConsumeFromWhere where)
    {
        // The first messages are gone, so that the broker does not say 0 by itself.
        await using var rocketmq = await TestRocketMQ.StartAsync(
            queues: 1, TestRocketMQ.QuickRetries with { MaxMessageSize = 128 * 1024, MaxStoreBytes = 1024 * 1024 });
        await SendLargeAsync(rocketmq, 40);
        var failing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = request });

        await using var cluster = await rocketmq.BeginAsync(configure: options =>
        {
            options.ConsumeFromWhere = where;
            options.ConsumeTimestamp = DateTimeOffset.UtcNow.AddHours(-1);
        });
        await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(request) >= 3, "three attempts to find the offset");

        Assert.Equal(0, rocketmq.Recorder.Count);
        Assert.Equal(0, PullsOfTheTopic(cluster, rocketmq));
        Assert.Null(rocketmq.Broker.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, 0));
        Assert.False(cluster.StatusOf(rocketmq.MyGroup)[0].IsReady);
        failing.Dispose();
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        await SendLargeAsync(rocketmq, 1);
        await Eventually.TrueAsync(() => rocketmq.Recorder.Deliveries.Any(delivery => delivery.Message.QueueOffset == 40), "the last message");
        await rocketmq.UntilCommittedAsync(41);
        if (where == ConsumeFromWhere.LastOffset)
        {
            Assert.Equal(1, rocketmq.Recorder.Count);
        }
    }

    [Fact]
    public async Task A_query_for_the_offset_that_is_never_answered_is_made_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(10);
        using var silent = rocketmq.Faults.Inject(Fault.NoAnswer() with { RequestCode = RequestCodes.QueryConsumerOffset, Times = 2 });
        await using var cluster = await rocketmq.BeginAsync();
        await using var watch = OffsetWatch.Over(rocketmq);

        await rocketmq.UntilAllCameAsync(10);

        Assert.Equal(10, rocketmq.Recorder.Count);
    }

    [Theory]
    [InlineData("refused")]
    [InlineData("not answered")]
    [InlineData("closed")]
    public async Task Commits_that_fail_do_not_stop_the_consumption_and_are_made_again(string how)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var fault = how switch
        {
            "refused" => Fault.Answer(ResponseCodes.SystemError),
            "closed" => Fault.CloseConnection(),
            _ => Fault.NoAnswer(),
        };
        using var failing = rocketmq.Faults.Inject(fault with { RequestCode = RequestCodes.UpdateConsumerOffset, Times = 5 });
        await using var cluster = await rocketmq.ConsumeAsync();
        await using var watch = OffsetWatch.Over(rocketmq);

        await rocketmq.SendAsync(100);
        await rocketmq.UntilAllCameAsync(100);

        await rocketmq.UntilCommittedAsync(100);
    }

    [Fact]
    public async Task Queues_whose_commit_is_refused_keep_no_others_of_their_broker_from_being_committed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        string[] refused = ["0", "1", "2"];
        using var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.TopicNotExist) with
        {
            RequestCode = RequestCodes.UpdateConsumerOffset,
            When = target => target.Request["topic"] == TestRocketMQ.Topic && refused.Contains(target.Request["queueId"]),
        });
        await using var cluster = await rocketmq.ConsumeAsync(configure: options =>
        {
            // One after the other, and none tells its offset by the way, with its next pull.
            options.PersistBatchSize = 1;
            options.PullSuspendTimeout = TimeSpan.FromMinutes(5);
        });

        await rocketmq.SendAsync(80);
        await rocketmq.UntilAllCameAsync(80);

        await Eventually.TrueAsync(
            () => Enumerable.Range(3, 5).All(queue => rocketmq.Broker.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, queue) == 10),
            () => $"five queues are committed; it is {string.Join(", ", Enumerable.Range(0, 8).Select(queue => rocketmq.Broker.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, queue)))}");
    }

    [Fact]
    public async Task What_could_not_be_committed_at_the_stop_comes_again_and_nothing_else_is_lost()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var watch = OffsetWatch.Over(rocketmq);
        await using (await rocketmq.ConsumeAsync())
        {
            await rocketmq.SendAsync(20);
            await rocketmq.UntilCommittedAsync(20);
            rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.UpdateConsumerOffset });
            rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.PullMessage, Skip = 2 });
            await rocketmq.SendAsync(10, first: 20);
        }

        rocketmq.Faults.Clear();
        await using var again = await rocketmq.ConsumeAsync();
        await rocketmq.UntilAllCameAsync(30);
        await rocketmq.UntilCommittedAsync(30);
    }

    [Fact]
    public async Task An_offset_that_a_broker_has_lost_in_a_crash_is_told_again_though_nothing_comes()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.PullSuspendTimeout = TimeSpan.FromMilliseconds(200));
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);

        await SetAsync(rocketmq, 3);
        using var crash = rocketmq.Faults.Inject(Fault.CloseConnection() with { RequestCode = RequestCodes.PullMessage, Times = 1 });

        await rocketmq.UntilCommittedAsync(10);
        Assert.Equal(10, rocketmq.Recorder.Count);
    }

    private static Task SetAsync(TestRocketMQ rocketmq, long offset) => rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(
        rocketmq.Broker.Address, rocketmq.MyGroup, new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0), offset);

    private static long PullsOfTheTopic(TestCluster cluster, TestRocketMQ rocketmq) => cluster.StatusOf(rocketmq.MyGroup)
        .SelectMany(group => group.Queues)
        .Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset >= 0);

    private static async Task SendLargeAsync(TestRocketMQ rocketmq, int count)
    {
        var body = new byte[64 * 1024];
        Random.Shared.NextBytes(body); // does not compress
        for (var number = 0; number < count; number++)
        {
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, body));
        }
    }
}
