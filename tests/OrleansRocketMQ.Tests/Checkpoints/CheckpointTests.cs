using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Checkpoints;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;

namespace OrleansRocketMQ.Tests.Checkpoints;

/// <summary>What was done beyond the last commit is not done again after a crash; and whatever must be done again, is.</summary>
public sealed class CheckpointTests
{
    private static readonly TimeSpan Often = TimeSpan.FromMilliseconds(50);

    private readonly KeptStorage _storage = new();

    [Fact]
    public async Task What_a_crashed_owner_had_done_behind_an_unfinished_message_is_not_done_again()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]));

        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(["10", "11", "3", "6", "9"], rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_commit_that_came_after_the_checkpoint_holds()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 7);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 11, Unfinished: [3, 6, 9]));

        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(["11", "9"], rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task Offsets_that_were_moved_back_meanwhile_are_obeyed()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 1);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 12, Unfinished: [3]));

        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(11, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task Offsets_that_a_broker_gave_anew_after_it_lost_messages_are_not_taken_for_the_old_ones()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 20, SeenTo: 20, Unfinished: []));

        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(10, rocketmq.Recorder.Count);
    }

    [Theory]
    [InlineData(true, 5)]
    [InlineData(false, 10)]
    public async Task Offsets_that_a_broker_has_refilled_after_it_lost_messages_are_not_taken_for_the_old_ones(bool isSame, int expected)
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        var newest = isSame ? rocketmq.Broker.Messages(TestRocketMQ.Topic)[8].MessageId : "7F000001";
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]), new SeenMessage(8, newest));

        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(expected, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_reset_that_comes_while_a_queue_begins_is_obeyed_though_the_look_at_its_checkpoint_was_told_of_it()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]), new SeenMessage(8, rocketmq.Broker.Messages(TestRocketMQ.Topic)[8].MessageId));
        var looks = 0;
        rocketmq.Faults.Inject(Fault.Delay(TimeSpan.Zero) with
        {
            RequestCode = RequestCodes.PullMessage,
            When = target =>
            {
                // The look asks for one message; the reset comes between the question where to begin and this.
                if (target.Request["topic"] == TestRocketMQ.Topic && target.Request["maxMsgNums"] == "1" && Interlocked.Increment(ref looks) == 1)
                {
                    Task.Run(() => rocketmq.ResetAsync()).GetAwaiter().GetResult();
                }

                return false;
            },
        });

        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(1, looks);
        Assert.Equal(12, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_group_that_is_moved_back_while_it_is_down_gets_what_it_had_consumed_and_committed()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]));
        await using (var cluster = await ConsumeAsync(rocketmq))
        {
            await rocketmq.UntilCommittedAsync(12);
            await Eventually.TrueAsync(() => _storage.Count == 0, "nothing is kept of what is committed");
            await cluster.Silos.KillSiloAsync(cluster.Silos.Silos[0]);
        }

        await CommitAsync(rocketmq, 5);
        await using var again = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(5 + 7, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_seek_waits_until_the_checkpoint_that_would_hide_its_messages_can_be_removed()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]));
        _storage.Fails = true;
        await using var cluster = await ConsumeAsync(rocketmq, configure: options => options.RetryInterval = TimeSpan.FromMilliseconds(50));
        await rocketmq.UntilCommittedAsync(12);

        var seeking = rocketmq.Management(cluster).SeekAsync(ConsumerScope.OfQueue(rocketmq.Queue(0)), SeekTarget.AtOffset(6));
        await ModesOfConsuming.StaysAsync(() => rocketmq.Committed() == 12 && !seeking.IsCompleted);
        _storage.Fails = false;
        await seeking;
        await rocketmq.Recorder.UntilAsync(10 + 6);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(10 + 6, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_seek_of_a_stopped_group_fails_when_the_checkpoint_that_would_hide_its_messages_cannot_be_removed()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);
        await rocketmq.Management(cluster).StopAsync();
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]));

        _storage.Fails = true;
        await Assert.ThrowsAsync<OffsetException>(() => rocketmq.Management(cluster).SeekAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic), SeekTarget.Begin));
        Assert.Equal(12, rocketmq.Committed());

        _storage.Fails = false;
        await rocketmq.Management(cluster).SeekAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic), SeekTarget.Begin);
        Assert.Equal(0, rocketmq.Committed());
        Assert.Empty(_storage.All<StoredCheckpoint>());
    }

    [Fact]
    public async Task A_queue_writes_down_what_it_has_done_behind_an_unfinished_message_and_nothing_when_all_is_committed()
    {
        await using var rocketmq = await StartAsync(messages: 0);
        var release = new TaskCompletionSource();
        await using var cluster = await ConsumeAsync(rocketmq, async (messages, context, _) =>
        {
            if (messages[0].QueueOffset == 5)
            {
                await release.Task;
            }

            rocketmq.Recorder.Record(messages, context);
            return ConsumeResult.Success;
        });

        await rocketmq.SendAsync(5);
        await rocketmq.UntilCommittedAsync(5);
        await rocketmq.SendAsync(15, first: 5);
        await Eventually.TrueAsync(
            () => _storage.All<StoredCheckpoint>().Values.ToArray() is [{ Committed: 5, Watermark: 5, SeenTo: 20, Unfinished: [5], Topic: TestRocketMQ.Topic }],
            () => string.Join(", ", _storage.All<StoredCheckpoint>()));

        release.SetResult();
        await rocketmq.UntilCommittedAsync(20);
        await Eventually.TrueAsync(() => _storage.Count == 0, "nothing is kept of what is committed");

        var writes = _storage.Writes;
        await ModesOfConsuming.StaysAsync(() => _storage.Writes == writes);
    }

    [Fact]
    public async Task A_group_that_stops_in_order_leaves_nothing_behind()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]));

        await using (await ConsumeAsync(rocketmq, silos: 2))
        {
            await rocketmq.UntilCommittedAsync(12);
        }

        Assert.Equal(0, _storage.Count);
    }

    [Fact]
    public async Task A_queue_that_is_moved_forgets_what_it_had_done()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2, options: TestRocketMQ.QuickRetries with { PushOffsetResets = true });
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]));
        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);

        await rocketmq.Client.Remoting.InvokeAsync(
            rocketmq.Broker.Address,
            RemotingCommand.Request(RequestCodes.InvokeBrokerToResetOffset)
                .Set("topic", TestRocketMQ.Topic).Set("group", rocketmq.MyGroup).Set("timestamp", 0L).Set("isForce", true));

        await rocketmq.Recorder.UntilAsync(5 + 12);
        await rocketmq.UntilCommittedAsync(12);
        Assert.Equal(Enumerable.Range(0, 12).Select(number => $"{number}").Order(), rocketmq.Recorder.Bodies.Distinct().Order());
        Assert.DoesNotContain(_storage.All<StoredCheckpoint>().Values, checkpoint => checkpoint.Committed == 2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_storage_that_fails_or_hangs_stops_no_queue(bool hangs)
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        (_storage.Fails, _storage.Unanswered) = (!hangs, hangs ? "checkpoint" : null);

        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.UntilCommittedAsync(12);
        await rocketmq.SendAsync(5, first: 12);
        await rocketmq.UntilCommittedAsync(17);

        Assert.Equal(15, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task Records_that_cannot_be_written_keep_no_others_from_being_written()
    {
        const int Queues = 20;
        await using var rocketmq = await TestRocketMQ.StartAsync(Queues);
        var release = new TaskCompletionSource();
        string[] broken = [.. Enumerable.Range(0, 4).Select(id => QueueGrainKey.Of(rocketmq.MyGroup, rocketmq.Queue(id)))];
        _storage.FailsToWrite = grain => broken.Contains(grain.Key.ToString());
        await using var cluster = await ConsumeAsync(
            rocketmq,
            async (messages, _, _) =>
            {
                if (messages[0].QueueOffset == 0)
                {
                    await release.Task;
                }

                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (Queues + 4, Queues + 4));
        await rocketmq.SendAsync(2 * Queues);

        await Eventually.TrueAsync(
            () => _storage.All<StoredCheckpoint>().Values.Count(checkpoint => checkpoint is { SeenTo: 2, Unfinished: [0] }) == Queues - broken.Length,
            () => string.Join(", ", _storage.All<StoredCheckpoint>().Values));

        // And they are tried again.
        _storage.FailsToWrite = null;
        await Eventually.TrueAsync(() => _storage.All<StoredCheckpoint>().Count == Queues, "the others are written, too");
        release.SetResult();
    }

    [Fact]
    public async Task Without_an_interval_nothing_is_written_or_read()
    {
        await using var rocketmq = await StartAsync(messages: 12, committed: 2);
        Left(rocketmq, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]));

        await using var cluster = await ConsumeAsync(rocketmq, configure: options => options.CheckpointInterval = TimeSpan.Zero);
        await rocketmq.UntilCommittedAsync(12);

        Assert.Equal(10, rocketmq.Recorder.Count);
        Assert.Equal(0, _storage.Writes);
    }

    [Fact]
    public async Task In_broadcasting_mode_each_instance_has_its_own()
    {
        await using var rocketmq = await StartAsync(messages: 0);
        var release = new TaskCompletionSource();
        await using var cluster = await ConsumeAsync(
            rocketmq,
            async (messages, context, _) =>
            {
                if (messages[0].QueueOffset == 0)
                {
                    await release.Task;
                }

                return ConsumeResult.Success;
            },
            options => options.MessageModel = MessageModel.Broadcasting,
            silos: 2);
        await rocketmq.SendAsync(10);

        await Eventually.TrueAsync(
            () => _storage.All<StoredCheckpoint>().Values.Count(checkpoint => checkpoint is { SeenTo: 10, Unfinished: [0] }) == 2,
            () => string.Join(", ", _storage.All<StoredCheckpoint>()));
        release.SetResult();
    }

    /// <summary>One queue with messages "0", "1" ... at offsets of the same number.</summary>
    private static async Task<TestRocketMQ> StartAsync(int messages, long committed = 0, EmbeddedRocketMQOptions? options = null)
    {
        var rocketmq = await TestRocketMQ.StartAsync(queues: 1, options);
        await rocketmq.SendAsync(messages);
        if (committed > 0)
        {
            await rocketmq.Client.Remoting.InvokeAsync(
                rocketmq.Broker.Address,
                RemotingCommand.Request(RequestCodes.UpdateAndCreateSubscriptionGroup, Encoding.UTF8.GetBytes($"{{\"groupName\":\"{rocketmq.MyGroup}\"}}")));
            await CommitAsync(rocketmq, committed);
        }

        return rocketmq;
    }

    private static Task CommitAsync(TestRocketMQ rocketmq, long offset)
        => rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.Broker.Address, rocketmq.MyGroup, rocketmq.Queue(0), offset, cancellationToken: CancellationToken.None);

    private async Task<TestCluster> ConsumeAsync(
        TestRocketMQ rocketmq, ListenerScript? script = null, Action<ConsumerOptions>? configure = null, short silos = 1)
    {
        var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            script ?? rocketmq.Recorder.Succeed(),
            consumer => consumer.Configure(options =>
            {
                options.PersistInterval = TimeSpan.FromMilliseconds(20);
                options.CheckpointInterval = Often;
                configure?.Invoke(options);
            }),
            silos,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Services.AddKeyedSingleton<IGrainStorage>(StateStorage.ProviderName, _storage);
            });
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }

    /// <summary>What the owner of the only queue had written down before it crashed.</summary>
    private void Left(TestRocketMQ rocketmq, long committed, AckSnapshot progress, SeenMessage? newest = null)
    {
        var queue = new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0);
        _storage.Put("checkpoint", GrainId.Create("messagequeue", QueueGrainKey.Of(rocketmq.MyGroup, queue)), StoredCheckpoint.Of(queue, committed, progress, newest));
    }
}
