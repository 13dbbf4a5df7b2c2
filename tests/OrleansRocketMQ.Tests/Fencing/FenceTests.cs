using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Fencing;

/// <summary>A silo that cannot know whether its queues are still its own leaves them alone until it does.</summary>
public sealed class FenceTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    private readonly FaultyMembership.Switch _faults = new();

    [Fact]
    public async Task Without_the_membership_queues_pause_commit_nothing_and_go_on_where_they_were()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var hold = new TaskCompletionSource();
        await using var cluster = await ConsumeAsync(rocketmq, async (messages, context, _) =>
        {
            rocketmq.Recorder.Record(messages, context);
            if (TestRocketMQ.Text(messages[0]) == "10")
            {
                await hold.Task;
            }

            return ConsumeResult.Success;
        });
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);

        await rocketmq.SendAsync(1, first: 10);
        await rocketmq.Recorder.UntilAsync(11);
        _faults.IsAway = true;
        await UntilFencedAsync(cluster, rocketmq);
        hold.SetResult();
        await Eventually.TrueAsync(() => Queues(cluster, rocketmq).All(queue => queue.InFlight == 0), "the listener ended");
        var pulls = rocketmq.Faults.RequestsSeen(RequestCodes.PullMessage);
        var commits = rocketmq.Faults.RequestsSeen(RequestCodes.UpdateConsumerOffset);
        await rocketmq.SendAsync(10, first: 11);

        // Many rounds of commits pass while the membership is asked for in vain.
        var readings = _faults.Readings;
        await Eventually.TrueAsync(() => _faults.Readings > readings + 3, "the membership is asked for again and again");
        Assert.Equal(11, rocketmq.Recorder.Count);
        Assert.Equal(10, rocketmq.Committed());
        Assert.Equal(pulls, rocketmq.Faults.RequestsSeen(RequestCodes.PullMessage));
        Assert.Equal(commits, rocketmq.Faults.RequestsSeen(RequestCodes.UpdateConsumerOffset));
        Assert.All(Queues(cluster, rocketmq), queue => Assert.Contains("not sure to be part of the cluster", queue.LastError, StringComparison.Ordinal));

        _faults.IsAway = false;
        await rocketmq.UntilCommittedAsync(21);
        Assert.Equal(TestRocketMQ.Numbers(21), rocketmq.Recorder.Bodies.Order());
        Assert.All(Queues(cluster, rocketmq), queue => Assert.Equal(string.Empty, queue.LastError));
    }

    /// <summary>What has been sorted, and what came back, waits as what is new.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_buffered_in_key_order_is_not_handed_out_and_a_queue_that_was_overtaken_drops_it(bool overtaken)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var turns = new SemaphoreSlim(0);
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            async (_, messages, context, _) =>
            {
                await turns.WaitAsync(CancellationToken.None);
                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            consumer => consumer.Configure(options =>
            {
                (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1);
                options.PersistInterval = TimeSpan.FromMilliseconds(20);
            }),
            setUp: SetUp);
        await rocketmq.SendAsync(200, prepare: message => message.ShardingKey = $"key {message.Body.Span[^1] % 5}");
        turns.Release(10);
        await rocketmq.Recorder.UntilAsync(10);
        await Eventually.TrueAsync(() => Queues(cluster, rocketmq).Single() is { InFlight: > 0, NextPullOffset: 200, CachedMessages: >= 150 }, "the others are buffered");

        _faults.IsAway = true;
        await UntilFencedAsync(cluster, rocketmq);
        turns.Release(1000);
        await Eventually.TrueAsync(() => Pumps(cluster, rocketmq).All(pump => pump.Runs.InFlight == 0), "what was in work has ended");
        var before = rocketmq.Recorder.Bodies.ToHashSet();
        var readings = _faults.Readings;
        await Eventually.TrueAsync(() => _faults.Readings > readings + 3, "the membership is asked for again and again");
        Assert.Equal(before.Count, rocketmq.Recorder.Count);

        if (overtaken)
        {
            var queue = new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0);
            await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.Broker.Address, rocketmq.MyGroup, queue, 190, cancellationToken: CancellationToken.None);
        }

        _faults.IsAway = false;
        await rocketmq.UntilCommittedAsync(200);
        Assert.Equal(rocketmq.Recorder.Count, rocketmq.Recorder.Bodies.Distinct().Count());
        Assert.True(before.Union(TestRocketMQ.Numbers(200).Where(number => !overtaken || number is ['1', '9', _])).ToHashSet().SetEquals(rocketmq.Recorder.Bodies));
    }

    [Fact]
    public async Task What_came_back_to_an_orderly_queue_is_not_tried_again_behind_the_fence()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var fails = true;
        await using var cluster = await OrderlyCluster.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, new ConsumeContext(context.Group, context.Queue));
                return new(Volatile.Read(ref fails) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success);
            },
            options => (options.MaxReconsumeTimes, options.SuspendCurrentQueueTime) = (100_000, TimeSpan.FromMilliseconds(20)),
            setUp: SetUp);
        await rocketmq.SendAsync(10);
        await rocketmq.Recorder.UntilAsync(5);

        _faults.IsAway = true;
        await UntilFencedAsync(cluster, rocketmq);
        await Eventually.TrueAsync(() => Pumps(cluster, rocketmq).All(pump => pump.Runs.InFlight == 0), "what was in work has ended");
        var before = rocketmq.Recorder.Count;
        var readings = _faults.Readings;
        await Eventually.TrueAsync(() => _faults.Readings > readings + 3, "the membership is asked for again and again");
        Assert.Equal(before, rocketmq.Recorder.Count);

        Volatile.Write(ref fails, false);
        _faults.IsAway = false;
        await rocketmq.UntilCommittedAsync(10);
    }

    [Fact]
    public async Task What_another_member_did_meanwhile_is_neither_repeated_nor_overwritten()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        _faults.IsAway = true;
        await UntilFencedAsync(cluster, rocketmq);
        await rocketmq.SendAsync(20, first: 10);

        // Another member, as far as the broker knows.
        var queue = new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0);
        await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.Broker.Address, rocketmq.MyGroup, queue, 25, cancellationToken: CancellationToken.None);
        var told = new ConcurrentQueue<long>();
        rocketmq.Faults.Inject(Fault.NoAnswer() with { When = target => Note(told, target.Request) });
        _faults.IsAway = false;

        await rocketmq.UntilCommittedAsync(30);
        Assert.Equal(["0", "1", "2", "25", "26", "27", "28", "29", "3", "4", "5", "6", "7", "8", "9"], rocketmq.Recorder.Bodies.Order());
        Assert.All(told, offset => Assert.InRange(offset, 25, 30));
    }

    [Fact]
    public async Task A_seek_holds_once_the_fence_opens_and_one_that_nobody_waits_for_any_more_is_forgotten()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);
        _faults.IsAway = true;
        await UntilFencedAsync(cluster, rocketmq);
        var pumps = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!.Pumps;

        var kept = ((QueuePump)pumps[new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0)]).Seek(5);
        var other = (QueuePump)pumps[new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 1)];
        var withdrawn = other.Seek(5);
        Assert.True(other.Withdraw(withdrawn));
        Assert.True(withdrawn.Done.IsCanceled);
        Assert.Equal(20, rocketmq.Committed());
        _faults.IsAway = false;

        await kept.Done.WaitAsync(Eventually.Deadline);
        await rocketmq.UntilCommittedAsync(20);
        await Eventually.TrueAsync(() => rocketmq.Recorder.Count == 25, "five messages of one queue come again");
        Assert.False(other.Withdraw(withdrawn));
    }

    [Fact]
    public async Task A_silo_that_stops_while_it_cannot_know_commits_nothing()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var hold = new TaskCompletionSource();
        var cluster = await ConsumeAsync(rocketmq, async (messages, context, _) =>
        {
            rocketmq.Recorder.Record(messages, context);
            await hold.Task;
            return ConsumeResult.Success;
        });
        await rocketmq.SendAsync(1);
        await rocketmq.Recorder.UntilAsync(1);
        _faults.IsAway = true;
        await UntilFencedAsync(cluster, rocketmq);
        hold.SetResult();

        await cluster.DisposeAsync();

        Assert.Equal(0, rocketmq.Committed());
    }

    [Fact]
    public async Task With_no_time_set_queues_go_on_whatever_becomes_of_the_membership()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        _faults.IsAway = true;
        await using var cluster = await ConsumeAsync(rocketmq, setUp: options => options.MembershipTimeout = TimeSpan.Zero);

        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);

        Assert.Equal(10, rocketmq.Recorder.Count);
    }

    /// <summary>Keeps the offset a request tells the broker, and lets the request pass.</summary>
    private static bool Note(ConcurrentQueue<long> told, RemotingCommand request)
    {
        var tells = request.Code switch
        {
            RequestCodes.UpdateConsumerOffset => true,
            // The first flag of a pull says that it carries an offset.
            RequestCodes.PullMessage => (int.Parse(request.ExtFields["sysFlag"], CultureInfo.InvariantCulture) & 1) != 0,
            _ => false,
        };
        if (tells && request.ExtFields["topic"] == TestRocketMQ.Topic)
        {
            told.Enqueue(long.Parse(request.ExtFields["commitOffset"], CultureInfo.InvariantCulture));
        }

        return false;
    }

    private Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, ListenerScript? script = null, Action<RocketMQOptions>? setUp = null) => StartAsync(
        rocketmq, script ?? rocketmq.Recorder.Succeed(), setUp ?? (options => options.MembershipTimeout = Timeout));

    private async Task<TestCluster> StartAsync(TestRocketMQ rocketmq, ListenerScript script, Action<RocketMQOptions> setUp)
    {
        var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            script,
            consumer => consumer.Configure(options => options.PersistInterval = TimeSpan.FromMilliseconds(20)),
            setUp: builder => SetUp(builder, setUp));
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }

    private void SetUp(RocketMQBuilder builder) => SetUp(builder, options => options.MembershipTimeout = Timeout);

    private void SetUp(RocketMQBuilder builder, Action<RocketMQOptions> setUp)
    {
        DeclaredListeners.HideIn(builder.Configure(setUp).Services);
        FaultyMembership.Install(builder.Services, _faults);
    }

    private static Task UntilFencedAsync(TestCluster cluster, TestRocketMQ rocketmq)
        => Eventually.TrueAsync(() => Pumps(cluster, rocketmq).All(pump => pump.Runs.Gate.IsFenced), "all queues fenced off");

    private static ICollection<IGroupQueue> Pumps(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!.Pumps.Values;

    private static IEnumerable<QueueStatus> Queues(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).Where(queue => queue.Queue.Topic == TestRocketMQ.Topic);
}
