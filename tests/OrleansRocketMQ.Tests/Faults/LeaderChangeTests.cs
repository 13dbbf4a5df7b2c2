using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>
/// A controller elects another master in the middle of pops, sends, commits and transactions; <see cref="FailoverTests"/> has pulls and
/// locks. Nobody but the group's own silos and producers asks for the new route here.
/// </summary>
public sealed class LeaderChangeTests(ITestOutputHelper output)
{
    private static readonly EmbeddedRocketMQOptions Controlled = TestRocketMQ.QuickRetries with
    {
        Slaves = 1,
        SlaveSyncInterval = TimeSpan.FromMilliseconds(50),
        TransactionTimeout = TimeSpan.Zero,
        TransactionCheckInterval = TimeSpan.FromMilliseconds(200),
        TransactionCheckMax = 10_000,
    };

    [Theory]
    [InlineData(FailoverTests.Change.SwitchOver)]
    [InlineData(FailoverTests.Change.Crash)]
    public async Task Popped_messages_all_come_and_what_is_in_work_is_acknowledged_at_the_new_master(FailoverTests.Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4, Controlled);
        var changed = new TaskCompletionSource();
        var inWork = 0;
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                if (int.Parse(TestRocketMQ.Text(messages[0]), System.Globalization.CultureInfo.InvariantCulture) % 10 == 0)
                {
                    Interlocked.Increment(ref inWork);
                    await changed.Task;
                }

                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            options => options.ConsumeMode = ConsumeMode.Pop,
            silos: 2);
        await rocketmq.SendAsync(40);
        await Eventually.TrueAsync(() => rocketmq.Recorder.Count >= 36 && Volatile.Read(ref inWork) >= 4, "all is done but what listeners hold");

        await ChangeAsync(rocketmq, change);
        changed.SetResult();
        await SendUntilTakenAsync(rocketmq, 40, first: 40);

        await rocketmq.UntilAllCameAsync(80);
        await Eventually.TrueAsync(
            () => rocketmq.Broker.PoppedMessages(rocketmq.MyGroup, TestRocketMQ.Topic) == 0, "the new master has heard of everything");
        Assert.Equal(TestRocketMQ.Numbers(80), rocketmq.Recorder.Bodies.Distinct().Order());
    }

    [Theory]
    [InlineData(FailoverTests.Change.SwitchOver)]
    [InlineData(FailoverTests.Change.Crash)]
    public async Task What_is_sent_meanwhile_comes_if_it_was_taken_and_nothing_is_committed_that_nobody_has_seen(FailoverTests.Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, Controlled);
        await using var cluster = await rocketmq.ConsumeAsync();
        await using var offsets = OffsetWatch.Over(rocketmq);
        var taken = new List<int>();
        using var enough = new CancellationTokenSource();
        var sending = SendOnAsync();
        await Eventually.TrueAsync(() => rocketmq.Committed() >= 20, "some are committed");

        await ChangeAsync(rocketmq, change);
        var (before, start) = (rocketmq.Recorder.Count, Stopwatch.GetTimestamp());
        await Eventually.TrueAsync(() => rocketmq.Recorder.Count > before + 20, "consuming goes on");
        output.WriteLine($"{change}: 20 messages more {Stopwatch.GetElapsedTime(start).TotalMilliseconds:0} ms after the election");

        await enough.CancelAsync();
        await sending;
        await rocketmq.UntilAllCameAsync(taken.Count);
        await rocketmq.UntilCommittedAsync(rocketmq.Broker.MaxOffset(TestRocketMQ.Topic, 0));
        Assert.Empty(taken.Select(number => $"{number}").Except(rocketmq.Recorder.Bodies));

        async Task SendOnAsync()
        {
            for (var number = 0; !enough.IsCancellationRequested; number++)
            {
                try
                {
                    await rocketmq.SendAsync(1, first: number);
                    taken.Add(number);
                }
                catch (RocketMQException)
                {
                    // Refused by whoever is no master any more, or not yet.
                }
            }
        }
    }

    [Theory]
    [InlineData(FailoverTests.Change.SwitchOver)]
    [InlineData(FailoverTests.Change.Crash)]
    public async Task Commits_that_the_old_master_does_not_hear_of_reach_the_new_one_and_never_fall(FailoverTests.Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, Controlled);
        var go = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                if (messages[0].QueueOffset >= 10)
                {
                    await go.Task;
                }

                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            });
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        await rocketmq.SendAsync(10, first: 10);
        var slave = Assert.Single(rocketmq.Broker.Slaves);
        await Eventually.TrueAsync(() => slave.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, 0) == 10, "the slave knows of ten");
        var told = new ConcurrentQueue<long>();
        using var watch = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.Success) with
        {
            RequestCode = RequestCodes.UpdateConsumerOffset,
            When = target =>
            {
                if (target.Request["consumerGroup"] == rocketmq.MyGroup && target.Request["topic"] == TestRocketMQ.Topic)
                {
                    told.Enqueue(target.Request.GetInt64("commitOffset"));
                }

                return false;
            },
        });

        await ChangeAsync(rocketmq, change);
        Assert.Equal(10, rocketmq.Committed());
        go.SetResult();

        await rocketmq.UntilCommittedAsync(20);
        Assert.Equal(told.Order(), told);
        Assert.Equal(20, rocketmq.Recorder.Bodies.Distinct().Count());
    }

    [Theory]
    [InlineData(FailoverTests.Change.SwitchOver)]
    [InlineData(FailoverTests.Change.Crash)]
    public async Task A_transaction_begun_at_the_old_master_is_asked_back_for_by_the_new_one(FailoverTests.Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, Controlled);
        await using var cluster = await rocketmq.ConsumeAsync();
        var isDecided = false;
        var asked = 0;
        await using var producer = new Producer(
            new RocketMQClientOptions
            {
                NameServerAddresses = [rocketmq.Embedded.NameServerAddress],
                ClientId = "transactions",
                HeartbeatInterval = TimeSpan.FromSeconds(1),
                PollNameServerInterval = TimeSpan.FromSeconds(1),
            },
            new ProducerOptions
            {
                Group = "transactions",
                CheckTransaction = (_, _) =>
                {
                    Interlocked.Increment(ref asked);
                    return ValueTask.FromResult(Volatile.Read(ref isDecided) ? TransactionState.Committed : TransactionState.None);
                },
            },
            NullLoggerFactory.Instance);
        await producer.SendHalfAsync(new Message(TestRocketMQ.Topic, "0"u8.ToArray()));
        await Eventually.TrueAsync(() => Volatile.Read(ref asked) > 0, "the old master asks");
        Assert.Equal(0, rocketmq.Recorder.Count);

        await ChangeAsync(rocketmq, change);
        Volatile.Write(ref isDecided, true);

        await rocketmq.UntilAllCameAsync(1);
        Assert.Equal("0", Assert.Single(rocketmq.Recorder.Bodies.Distinct()));
    }

    [Fact]
    public async Task A_broker_that_says_it_is_of_another_unit_is_left_for_another_one()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var second = await rocketmq.Embedded.AddBrokerAsync("broker-b");
        second.CreateTopic(TestRocketMQ.Topic, 1);
        await rocketmq.Client.Routes.RefreshAsync(TestRocketMQ.Topic);
        using var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.NotInCurrentUnit) with
        {
            BrokerName = rocketmq.Broker.Name,
            RequestCode = RequestCodes.SendMessageV2,
        });

        await rocketmq.SendAsync(4);

        Assert.Equal((0, 4), (rocketmq.Broker.MaxOffset(TestRocketMQ.Topic, 0), second.MaxOffset(TestRocketMQ.Topic, 0)));
    }

    private static async Task ChangeAsync(TestRocketMQ rocketmq, FailoverTests.Change change)
    {
        if (change == FailoverTests.Change.Crash)
        {
            await rocketmq.Broker.StopAsync(unregister: false);
        }

        await rocketmq.Broker.FailOverAsync(Assert.Single(rocketmq.Broker.Slaves));
    }

    private static async Task SendUntilTakenAsync(TestRocketMQ rocketmq, int count, int first)
    {
        foreach (var number in Enumerable.Range(first, count))
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    try
                    {
                        await rocketmq.SendAsync(1, number);
                        return true;
                    }
                    catch (RocketMQException)
                    {
                        return false;
                    }
                },
                "a message is taken");
        }
    }
}
