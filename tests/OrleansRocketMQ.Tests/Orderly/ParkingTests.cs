using FsCheck;
using FsCheck.Fluent;
using Orleans;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Orderly;

/// <summary>A poison message is set aside with its key; the rest of its queue goes on.</summary>
public sealed class ParkingTests
{
    private readonly OrderlyRecorder _recorder = new();

    [Fact]
    public async Task The_poison_goes_to_the_dead_letters_in_the_end_and_its_key_goes_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendWithKeysAsync(rocketmq, "aababcab");
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, _) => messages[0].QueueOffset == 1 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => (options.PoisonHandling, options.MaxReconsumeTimes) = (PoisonHandling.Park, 5));

        await rocketmq.UntilCommittedAsync(8);

        Assert.Equal(["0", "2", "4", "5", "7", "3", "6"], _recorder.Succeeded);
        Assert.Equal([0, 1, 2, 3, 4, 5], _recorder.Deliveries.Where(delivery => delivery.Body == "1").Select(delivery => delivery.ReconsumeTimes));
        Assert.Equal("1", TestRocketMQ.Text(Assert.Single(rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)))));
        Assert.Empty(rocketmq.QueuesOf(cluster)[0].Orderly!.ParkedKeys);
    }

    [Fact]
    public async Task What_is_parked_and_how_often_it_failed_is_seen_in_the_status_and_the_offset_waits()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendWithKeysAsync(rocketmq, "abaca");
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, context) =>
            {
                context.SuspendCurrentQueueTime = TimeSpan.FromSeconds(30);
                return messages[0].QueueOffset == 0 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success;
            }),
            options => options.PoisonHandling = PoisonHandling.Park);
        await _recorder.UntilSucceededAsync(2);

        QueueStatus? status = null;
        await Eventually.TrueAsync(
            async () => (status = (await cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup).GetStatusAsync()).Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic))
                .Orderly?.ParkedKeys is [{ Messages: 3 }],
            "three messages are parked");

        Assert.Equal(new ParkedKeyStatus { Key = "a", Messages = 3, FirstOffset = 0 }, status!.Orderly!.ParkedKeys[0]);
        var failing = Assert.Single(status.Orderly.Failing);
        Assert.Equal((0, 1), (failing.Offset, failing.Failures));
        Assert.True(status.Orderly.IsLocked);
        Assert.False(status.Orderly.IsSuspended);
        Assert.Equal((0, 0, 3), (status.Watermark, rocketmq.Committed(), status.CachedMessages));
    }

    [Theory]
    [InlineData(1, 100)]
    [InlineData(100, 1)]
    public async Task Beyond_the_bounds_the_queue_blocks(int mostKeys, int mostMessages)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendWithKeysAsync(rocketmq, "abc");
        var release = false;
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, _) => messages[0].QueueOffset < 2 && !Volatile.Read(ref release) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => (options.PoisonHandling, options.MaxReconsumeTimes, options.MaxParkedKeys, options.MaxParkedMessages) = (PoisonHandling.Park, int.MaxValue, mostKeys, mostMessages));

        await Eventually.TrueAsync(() => _recorder.Bodies.Count(body => body == "1") >= 3 && _recorder.Bodies.Count(body => body == "0") >= 3, "both fail again and again");
        Assert.DoesNotContain("2", _recorder.Bodies);
        Volatile.Write(ref release, true);
        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal(["0", "1", "2"], _recorder.Succeeded.Order());
        Assert.Equal("2", _recorder.Succeeded.Last(body => body != "0"));
    }

    [Fact]
    public async Task A_message_without_a_sharding_key_blocks_its_queue()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(3);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, context) => messages[0].QueueOffset == 0 && context.ReconsumeTimes < 3 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => options.PoisonHandling = PoisonHandling.Park);

        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal(["0", "0", "0", "0", "1", "2"], _recorder.Bodies);
    }

    [Fact]
    public async Task A_queue_that_moves_with_parked_keys_repeats_nothing_of_the_others()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        for (var number = 0; number < 40; number++)
        {
            await rocketmq.SendAsync(1, first: number, message => message.ShardingKey = number < 4 || number % 3 == 0 ? "poison" : "other");
        }

        var release = false;
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, _) => messages[0].QueueOffset == 0 && !Volatile.Read(ref release) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => (options.PoisonHandling, options.MaxReconsumeTimes) = (PoisonHandling.Park, int.MaxValue),
            storage: new KeptStorage());
        await _recorder.UntilSucceededAsync(24);

        await cluster.Silos.StartAdditionalSiloAsync();
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).Select(status => status.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.Orderly?.ParkedKeys.Count == 1)).SequenceEqual([2, 2]),
            "two queues for each silo, each with its parked key");
        Volatile.Write(ref release, true);
        await rocketmq.UntilCommittedAsync(40);

        Assert.Equal(TestRocketMQ.Numbers(40), _recorder.Succeeded.Order());
        Assert.All(
            _recorder.Deliveries.Where(delivery => delivery.Message.QueueOffset == 0).GroupBy(delivery => delivery.Queue),
            poison => Assert.Equal(Enumerable.Range(0, poison.Count()), poison.Select(delivery => delivery.ReconsumeTimes)));
    }

    [Fact]
    public async Task Where_keys_are_parked_batches_are_always_committed_automatically()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendWithKeysAsync(rocketmq, "abc");
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, context) =>
            {
                context.AutoCommit = false;
                return messages[0].QueueOffset == 1 ? ConsumeOrderlyResult.Rollback : ConsumeOrderlyResult.Success;
            }),
            options => options.PoisonHandling = PoisonHandling.Park);

        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal(["0", "1", "2"], _recorder.Bodies);
    }

    [Fact]
    public async Task Of_a_batch_that_fails_each_key_is_tried_by_itself()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendWithKeysAsync(rocketmq, "abcabcabc");
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, _) => messages.Any(message => message.ShardingKey == "b" && message.QueueOffset == 1) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => (options.PoisonHandling, options.MaxReconsumeTimes, options.ConsumeBatchSize) = (PoisonHandling.Park, 3, 3));

        await rocketmq.UntilCommittedAsync(9);

        // In the batches of key b the poison takes its neighbours along; a and c lose nothing by it.
        var dead = rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)).Select(TestRocketMQ.Text).ToArray();
        Assert.Contains("1", dead);
        Assert.All(dead, body => Assert.True(body is "1" or "4" or "7", body));
        foreach (var key in new[] { "a", "c" })
        {
            var succeeded = _recorder.Deliveries.Where(delivery => delivery.Message.ShardingKey == key && delivery.Result == ConsumeOrderlyResult.Success).Select(delivery => delivery.Message.QueueOffset).ToArray();
            Assert.Equal(3, succeeded.Length);
            Assert.Equal(succeeded.Order(), succeeded);
        }
    }

    /// <summary>
    /// Against a plain model: whatever fails, is parked, tried again or given up in whatever order, each key is consumed in
    /// order, every message exactly once in the end, and the watermark is the lowest offset not done.
    /// </summary>
    [Fact]
    public void Any_order_of_failures_keeps_the_order_of_each_key_and_the_watermark_below_all_unfinished()
    {
        var steps = Gen.Choose(0, 10_000).ListOf(300).ToArbitrary();
        Check.QuickThrowOnFailure(Prop.ForAll(steps, choices =>
        {
            var window = new ProcessQueue(0);
            var runs = new DispatchBuffer(window);
            var backlog = new OrderlyDispatchBuffer(runs, new ParkedKeys(mostKeys: 2, mostMessages: 5));
            Assert.True(backlog.BeginsAnew(out _));
            var open = new SortedSet<long>();
            var done = new List<MessageExt>();
            var next = 0L;
            foreach (var choice in choices)
            {
                switch (choice % 4)
                {
                    case 0:
                        var added = new List<MessageExt>();
                        for (var count = choice % 9; count > 0; count--)
                        {
                            added.Add(TestMessages.At(next, shardingKey: (choice + next) % 5 is > 0 and var key ? $"key-{key}" : null));
                            open.Add(next++);
                        }

                        window.Add(added, next);
                        break;
                    case 1 or 2:
                        Work(backlog, choice / 4, open, done);
                        break;
                    default:
                        WorkParked(backlog, choice / 4, open, done);
                        break;
                }

                Assert.Equal(open.Count == 0 ? next : open.Min, window.Watermark);
                Assert.Equal(open.Count, window.Count);
                Assert.InRange(backlog.Parked.Snapshot.Sum(parked => parked.Messages), 0, 5);
                Assert.InRange(backlog.Parked.Count, 0, 2);
            }

            // From now on everything succeeds, and nothing is left behind.
            for (var round = 0; open.Count > 0; round++)
            {
                Assert.InRange(round, 0, 1000);
                Work(backlog, 0, open, done);
                WorkParked(backlog, 0, open, done);
            }

            Assert.Equal(next, window.Watermark);
            Assert.Equal(Enumerable.Range(0, (int)next).Select(offset => (long)offset), done.Select(message => message.QueueOffset).Order());
            Assert.All(done.GroupBy(message => message.ShardingKey), key => Assert.Equal(key.Select(message => message.QueueOffset).Order(), key.Select(message => message.QueueOffset)));
        }));
    }

    /// <summary>Takes messages; all succeed, or those from some place on fail and are parked or put back.</summary>
    private static void Work(OrderlyDispatchBuffer backlog, int choice, SortedSet<long> open, List<MessageExt> done)
    {
        var range = backlog.LeaseFree(1 + (choice % 7));
        if (range.IsEmpty)
        {
            return;
        }

        Assert.All(range.Messages, message => Assert.False(backlog.Parked.Has(message.ShardingKey)));
        var succeeded = choice % 3 == 0 ? range.Messages.Count : choice % range.Messages.Count;
        Finish(range.Slice(0, succeeded), open, done);
        if (succeeded < range.Messages.Count)
        {
            var failed = range.Slice(succeeded, 1);
            backlog.PutBack(range.Slice(succeeded + 1, range.Messages.Count - succeeded - 1));
            if (backlog.Parked.TryPark([failed], TimeSpan.Zero))
            {
                failed.Window.SetAside(failed);
            }
            else
            {
                backlog.PutBack(failed);
            }
        }
    }

    private static void WorkParked(OrderlyDispatchBuffer backlog, int choice, SortedSet<long> open, List<MessageExt> done)
    {
        if (backlog.Parked.First is not { } key)
        {
            return;
        }

        var tried = backlog.LeaseParked(key, 1 + (choice % 3));
        var succeeded = choice % 2 == 0 ? tried.Length : choice % tried.Length;
        foreach (var single in tried[..succeeded])
        {
            Finish(single, open, done);
        }

        foreach (var single in tried[succeeded..])
        {
            single.Window.SetAside(single);
        }

        backlog.Parked.Settle(key, tried.Length, tried[succeeded..], TimeSpan.FromTicks(choice));
    }

    private static void Finish(ProcessQueueRange range, SortedSet<long> open, List<MessageExt> done)
    {
        if (!range.IsEmpty)
        {
            open.ExceptWith(range.Messages.Select(message => message.QueueOffset));
            done.AddRange(range.Messages);
            range.Complete();
        }
    }

    private static async Task SendWithKeysAsync(TestRocketMQ rocketmq, string keys)
    {
        for (var number = 0; number < keys.Length; number++)
        {
            await rocketmq.SendAsync(1, first: number, message => message.ShardingKey = $"{keys[number]}");
        }
    }
}
