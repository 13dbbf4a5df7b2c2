using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Brokers;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;
using OrleansRocketMQ.Tests.Telemetry;

namespace OrleansRocketMQ.Tests.Orderly;

/// <summary>An orderly queue is worked on under its broker's lock only.</summary>
public sealed class LockTests
{
    private const string Intruder = "another-member";

    private readonly OrderlyRecorder _recorder = new();

    [Fact]
    public async Task All_locks_of_a_broker_are_renewed_in_one_request()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        var renewals = new ConcurrentQueue<int>();
        await using var cluster = await rocketmq.ConsumeInOrderAsync(_recorder.Succeed(), options => options.LockInterval = TimeSpan.FromMilliseconds(100));

        using var watching = rocketmq.Faults.Inject(Fault.NoAnswer() with
        {
            RequestCode = RequestCodes.LockBatchMessageQueue,
            When = target =>
            {
                renewals.Enqueue(Queues(target).Count);
                return false;
            },
        });
        await Eventually.TrueAsync(() => renewals.Count >= 5, "five renewals");

        // Eight queues and the retry topic's. The first may still be from before they kept step.
        Assert.All(renewals.Skip(1), count => Assert.Equal(9, count));
    }

    [Fact]
    public async Task When_another_member_takes_the_lock_the_call_gets_its_token_and_its_result_does_not_count()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(6);
        var told = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            async (messages, context, cancellationToken) =>
            {
                if (messages[0].QueueOffset == 2 && !told.Task.IsCompleted)
                {
                    var fired = new TaskCompletionSource();
                    await using var registration = cancellationToken.Register(() => fired.TrySetResult());
                    await fired.Task;
                    told.TrySetResult();
                }

                _recorder.Record(messages, context, ConsumeOrderlyResult.Success);
                return ConsumeOrderlyResult.Success;
            },
            options => options.LockInterval = TimeSpan.FromMilliseconds(50));
        await rocketmq.UntilCommittedAsync(2);
        var queue = rocketmq.QueuesOf(cluster)[0].Queue;

        await TakeLockAsync(rocketmq, queue);
        await told.Task.WaitAsync(Eventually.Deadline);
        await Eventually.TrueAsync(() => rocketmq.QueuesOf(cluster)[0] is { Orderly.IsLocked: false, NextPullOffset: -1 }, "the queue waits for its lock");
        await _recorder.UntilAsync(3);

        // The intruder does one message and goes; the queue goes on behind it.
        Assert.Equal(2, rocketmq.Committed());
        await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.Broker.Address, rocketmq.MyGroup, queue, 4);
        await rocketmq.Client.Brokers.UnlockAsync(rocketmq.Broker.Address, rocketmq.MyGroup, Intruder, [queue]);
        await rocketmq.UntilCommittedAsync(6);

        Assert.Equal(["0", "1", "2", "4", "5"], _recorder.Bodies);
    }

    [Fact]
    public async Task A_lock_that_cannot_be_renewed_in_time_is_lost_and_comes_back_with_the_broker()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await rocketmq.SendAsync(20);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Succeed(),
            options => (options.LockInterval, options.LockExpiry) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(600)),
            setUp: options => options.RequestTimeout = TimeSpan.FromMilliseconds(200));
        await rocketmq.UntilCommittedAsync(20);

        using (rocketmq.Faults.Inject(Fault.NoAnswer() with { RequestCode = RequestCodes.LockBatchMessageQueue }))
        {
            await Eventually.TrueAsync(() => rocketmq.QueuesOf(cluster).All(queue => queue is { Orderly.IsLocked: false, NextPullOffset: -1 }), "both locks are lost");
            var asked = rocketmq.Faults.RequestsSeen(RequestCodes.LockBatchMessageQueue);
            await rocketmq.SendAsync(20, first: 20);
            await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(RequestCodes.LockBatchMessageQueue) >= asked + 3, "the lock is asked for again and again");
            Assert.Equal(20, _recorder.Deliveries.Count);
        }

        await rocketmq.UntilCommittedAsync(40);
        Assert.Equal(TestRocketMQ.Numbers(40), _recorder.Bodies.Order());
        Assert.All(
            _recorder.Deliveries.GroupBy(delivery => delivery.Queue),
            queue => Assert.Equal(Enumerable.Range(0, 20).Select(offset => (long)offset), queue.Select(delivery => delivery.Message.QueueOffset)));
    }

    [Fact]
    public async Task Renewals_that_fail_for_less_than_the_expiry_do_no_harm()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(_recorder.Succeed(), options => options.LockInterval = TimeSpan.FromMilliseconds(100));
        using var probe = MetricsProbe.On(cluster);

        var asked = rocketmq.Faults.RequestsSeen(RequestCodes.LockBatchMessageQueue);
        using (rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.LockBatchMessageQueue, Times = 4 }))
        {
            await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(RequestCodes.LockBatchMessageQueue) >= asked + 5, "it is asked again until it works");
        }

        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);

        Assert.Equal(0, probe.Sum(RocketMQMetrics.LockLosses));
    }

    [Fact]
    public async Task A_broker_that_restarts_and_knows_no_locks_any_more_is_asked_anew()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await rocketmq.SendAsync(10);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(_recorder.Succeed(), options => options.LockInterval = TimeSpan.FromMilliseconds(100));
        await rocketmq.UntilCommittedAsync(10);

        await rocketmq.Broker.RestartAsync();
        await Eventually.TrueAsync(() => rocketmq.QueuesOf(cluster).All(queue => rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, queue.Queue.QueueId) == queue.Owner), "the locks are there again");
        await rocketmq.SendAsync(10, first: 10);
        await rocketmq.UntilCommittedAsync(20);

        Assert.Equal(20, _recorder.Deliveries.Count);
    }

    [Fact]
    public async Task A_new_queue_is_locked_at_once_and_not_with_the_next_renewal()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(_recorder.Succeed(), options => options.LockInterval = TimeSpan.FromSeconds(29));

        rocketmq.Embedded.CreateTopic(TestRocketMQ.Topic, 3);
        var start = TimeProvider.System.GetTimestamp();
        await Eventually.TrueAsync(() => rocketmq.QueuesOf(cluster).Count(queue => queue.NextPullOffset >= 0) == 3, "three queues are pulled");

        Assert.InRange(TimeProvider.System.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task The_locks_of_a_silo_that_died_are_taken_over_long_before_they_expire()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(_recorder.Succeed(), options => options.LockInterval = TimeSpan.FromSeconds(2), silos: 2);
        await Eventually.TrueAsync(
            () => Enumerable.Range(0, 4).Select(queue => rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, queue)).GroupBy(holder => holder).Select(holder => holder.Count()).SequenceEqual([2, 2]),
            "each silo has two locks");

        await cluster.Silos.KillSiloAsync(cluster.Silos.Silos[1]);
        var start = TimeProvider.System.GetTimestamp();
        await rocketmq.SendAsync(40);
        await _recorder.UntilSucceededAsync(40);

        // A broker's locks live for 60 s.
        Assert.InRange(TimeProvider.System.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(45));
        Assert.Single(Enumerable.Range(0, 4).Select(queue => rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, queue)).Distinct());
    }

    [Fact]
    public async Task A_member_that_was_declared_dead_and_lives_keeps_the_locks_it_renews()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var zombie = await MemberAsync(rocketmq, "10.0.0.1@zombie");
        await using var heir = await MemberAsync(rocketmq, "10.0.0.2@heir");
        var queue = rocketmq.Queue(0);
        using var dies = new CancellationTokenSource();
        var renewals = 0;
        var living = Task.Run(async () =>
        {
            while (!dies.IsCancellationRequested)
            {
                Assert.Single(await zombie.Brokers.LockAsync(rocketmq.Broker.Address, rocketmq.MyGroup, zombie.ClientId, [queue]));
                Interlocked.Increment(ref renewals);
                await Task.Delay(50);
            }
        });
        await Eventually.TrueAsync(() => Volatile.Read(ref renewals) > 0, "the zombie has the lock");

        var locks = Locks(rocketmq, heir, TimeSpan.FromMilliseconds(500), zombie.ClientId);
        var wanted = locks.Add(queue);
        await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(RequestCodes.UnlockBatchMessageQueue) > 0, "the lock is given back in its name");
        var since = Volatile.Read(ref renewals);
        await Eventually.TrueAsync(() => living.IsCompleted || Volatile.Read(ref renewals) > since + 60, "the zombie renews for a while");
        Assert.False(wanted.IsHeld);
        Assert.False(living.IsCompleted);

        // Once it is dead indeed, its lock is the heir's.
        await dies.CancelAsync();
        await living;
        await zombie.Brokers.UnlockAsync(rocketmq.Broker.Address, rocketmq.MyGroup, zombie.ClientId, [queue]);
        await Eventually.TrueAsync(() => wanted.IsHeld, "the heir has the lock");
        await locks.StopAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_locks_of_a_member_that_is_gone_are_taken_over_at_once_also_when_the_first_attempt_fails(bool fails)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var heir = await MemberAsync(rocketmq, "10.0.0.2@heir");
        var queue = rocketmq.Queue(0);
        await rocketmq.Client.Brokers.LockAsync(rocketmq.Broker.Address, rocketmq.MyGroup, Intruder, [queue]);
        using var failing = fails ? rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.UnlockBatchMessageQueue, Times = 2 }) : null;

        var locks = Locks(rocketmq, heir, TimeSpan.FromSeconds(29), "10.0.0.9@long_gone", Intruder);
        var wanted = locks.Add(queue);
        var start = TimeProvider.System.GetTimestamp();
        await Eventually.TrueAsync(() => wanted.IsHeld, "the heir has the lock");

        Assert.InRange(TimeProvider.System.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(28));
        await locks.StopAsync();
    }

    [Fact]
    public async Task The_stop_lets_the_running_batch_finish_then_commits_then_unlocks_then_leaves_the_group()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(10);
        var release = new TaskCompletionSource();
        var cluster = await rocketmq.ConsumeInOrderAsync(
            async (messages, context, _) =>
            {
                if (messages[0].QueueOffset == 4)
                {
                    await release.Task;
                }

                _recorder.Record(messages, context, ConsumeOrderlyResult.Success);
                return ConsumeOrderlyResult.Success;
            },
            options => options.PersistInterval = TimeSpan.FromHours(1));
        await _recorder.UntilAsync(4);
        await Eventually.TrueAsync(() => rocketmq.QueuesOf(cluster)[0].InFlight > 0, "the fifth is in work");
        var atUnlock = new ConcurrentQueue<(long Committed, int Members)>();
        using var watching = rocketmq.Faults.Inject(Fault.NoAnswer() with
        {
            RequestCode = RequestCodes.UnlockBatchMessageQueue,
            When = target =>
            {
                if (Queues(target).Any(queue => queue.Topic == TestRocketMQ.Topic))
                {
                    atUnlock.Enqueue((rocketmq.Committed(), rocketmq.Broker.ClientsOf(rocketmq.MyGroup).Count));
                }

                return false;
            },
        });

        var stopping = cluster.DisposeAsync().AsTask();
        release.SetResult();
        await stopping.WaitAsync(Eventually.Deadline);

        var done = _recorder.Deliveries.Count;
        Assert.InRange(done, 5, 10);
        Assert.Equal([(done, 1)], atUnlock);
        Assert.Equal(done, rocketmq.Committed());
        Assert.Null(rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, 0));
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
    }

    [Fact]
    public async Task A_stop_while_the_queue_pauses_does_not_wait_for_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(3);
        var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, _) => messages[0].QueueOffset == 1 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => options.SuspendCurrentQueueTime = TimeSpan.FromSeconds(30));
        await _recorder.UntilAsync(2);
        await Eventually.TrueAsync(() => rocketmq.QueuesOf(cluster)[0].Orderly!.IsSuspended, "the queue pauses");

        await cluster.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(9));

        Assert.Equal(1, rocketmq.Committed());
        Assert.Null(rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, 0));
    }

    [Fact]
    public async Task A_listener_that_hangs_at_the_stop_is_given_up_and_the_lock_is_let_go()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(3);
        var never = new TaskCompletionSource();
        var cluster = await rocketmq.ConsumeInOrderAsync(
            async (messages, context, _) =>
            {
                _recorder.Record(messages, context, ConsumeOrderlyResult.Success);
                if (messages[0].QueueOffset == 1)
                {
                    await never.Task;
                }

                return ConsumeOrderlyResult.Success;
            },
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(300));
        await _recorder.UntilAsync(2);

        await cluster.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);

        Assert.InRange(rocketmq.Committed(), 0, 1);
        Assert.Null(rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, 0));
        never.SetResult();
    }

    [Fact]
    public async Task A_callback_of_a_listener_on_its_token_that_fails_at_the_stop_ends_neither_the_process_nor_the_stop()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        var (told, never) = (new TaskCompletionSource(), new TaskCompletionSource());
        var cluster = await rocketmq.ConsumeInOrderAsync(
            async (messages, context, cancellationToken) =>
            {
                _recorder.Record(messages, context, ConsumeOrderlyResult.Success);
                cancellationToken.Register(() =>
                {
                    told.TrySetResult();
                    throw new InvalidOperationException("The listener's callback fails.");
                });
                await never.Task;
                return ConsumeOrderlyResult.Success;
            },
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(300));
        await _recorder.UntilAsync(1);

        await cluster.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);

        Assert.True(told.Task.IsCompleted);
        Assert.Null(rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, 0));
        never.SetResult();
    }

    [Fact]
    public async Task A_broker_that_is_slow_to_unlock_is_not_waited_for_once_for_each_queue()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 50);
        using var slow = rocketmq.Faults.Inject(Fault.Delay(TimeSpan.FromMilliseconds(200)) with { RequestCode = RequestCodes.UnlockBatchMessageQueue });
        await using (await rocketmq.ConsumeInOrderAsync(_recorder.Succeed()))
        {
            Assert.All(Enumerable.Range(0, 50), queue => Assert.NotNull(rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, queue)));
        }

        Assert.All(Enumerable.Range(0, 50), queue => Assert.Null(rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, queue)));
        Assert.InRange(rocketmq.Faults.RequestsSeen(RequestCodes.UnlockBatchMessageQueue), 1, 25);
    }

    private static QueueLocks Locks(TestRocketMQ rocketmq, RocketMQClient client, TimeSpan interval, params string[] dead) => new(
        new ConsumerOptions { Group = rocketmq.MyGroup, LockInterval = interval, LockExpiry = TimeSpan.FromSeconds(30) },
        new Lockers(client.ClientId, new ClientBrokers(client, NullLogger<ClientBrokers>.Instance), new ClientRoutes(client)),
        () => dead,
        SiloRuntime.Of(TimeProvider.System),
        NullLogger<QueueLocks>.Instance);

    /// <summary>A member of the group that the broker is connected with.</summary>
    private static async Task<RocketMQClient> MemberAsync(TestRocketMQ rocketmq, string clientId)
    {
        var client = new RocketMQClient(
            new RocketMQClientOptions { NameServerAddresses = [rocketmq.Embedded.NameServerAddress], ClientId = clientId }, NullLoggerFactory.Instance);
        client.Start();
        client.RegisterConsumer(rocketmq.MyGroup, () => new ConsumerData { GroupName = rocketmq.MyGroup, MessageModel = ConsumerDataValues.Clustering }, [TestRocketMQ.Topic]);
        await client.Routes.GetAsync(TestRocketMQ.Topic);
        await client.HeartbeatAsync(CancellationToken.None);
        await Eventually.TrueAsync(() => rocketmq.Broker.ClientsOf(rocketmq.MyGroup).Contains(clientId), "the broker knows the member");
        return client;
    }

    /// <summary>What a broker does to a member that was away for too long: another one gets its lock.</summary>
    private static async Task TakeLockAsync(TestRocketMQ rocketmq, MessageQueue queue)
    {
        // In one go as far as the owner can see: a renewal in between would only make this try again.
        await Eventually.TrueAsync(
            async () =>
            {
                var holder = rocketmq.Broker.LockHolder(rocketmq.MyGroup, queue.Topic, queue.QueueId);
                if (holder is not null && holder != Intruder)
                {
                    await rocketmq.Client.Brokers.UnlockAsync(rocketmq.Broker.Address, rocketmq.MyGroup, holder, [queue]);
                }

                return (await rocketmq.Client.Brokers.LockAsync(rocketmq.Broker.Address, rocketmq.MyGroup, Intruder, [queue])).Count == 1;
            },
            "the intruder has the lock");
    }

    private static IReadOnlyList<QueueKey> Queues(FaultTarget target)
        => TolerantJson.Read(target.Request.Body.Span, ProtocolJson.Default.LockBatchRequest).MqSet;
}
