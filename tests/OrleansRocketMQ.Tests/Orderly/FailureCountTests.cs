using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Runtime;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Orderly;

/// <summary>How often a message has failed is known after a restart and on another silo.</summary>
public sealed class FailureCountTests
{
    private static readonly MessageQueue Queue = new("t", "b", 0);

    private readonly OrderlyRecorder _recorder = new();
    private readonly KeptStorage _storage = new();

    [Fact]
    public async Task A_restart_goes_on_counting()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(3);
        await using (await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((_, context) =>
            {
                context.SuspendCurrentQueueTime = context.ReconsumeTimes == 1 ? TimeSpan.FromSeconds(30) : null;
                return ConsumeOrderlyResult.SuspendCurrentQueue;
            }),
            storage: _storage))
        {
            await _recorder.UntilAsync(2);
        }

        Assert.Equal([0, 1], _recorder.Deliveries.Select(delivery => delivery.ReconsumeTimes));
        Assert.Equal(0, rocketmq.Committed());

        await using var again = await rocketmq.ConsumeInOrderAsync(_recorder.Succeed(), storage: _storage);
        await _recorder.UntilSucceededAsync(3);
        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal([0, 1, 2, 0, 0], _recorder.Deliveries.Select(delivery => delivery.ReconsumeTimes));
        await Eventually.TrueAsync(() => _storage.Count == 0, "nothing is kept of messages that are done");
    }

    [Fact]
    public async Task Counts_go_with_a_queue_to_another_silo_and_lead_to_the_dead_letters_there()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await rocketmq.SendAsync(4);
        var isSplit = false;
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((_, context) =>
            {
                if (context.ReconsumeTimes < 10 || Volatile.Read(ref isSplit))
                {
                    return ConsumeOrderlyResult.SuspendCurrentQueue;
                }

                // Comes again without being counted: the move must find counts, however long the second silo takes to start.
                context.AutoCommit = false;
                return ConsumeOrderlyResult.Rollback;
            }),
            options => (options.MaxReconsumeTimes, options.SuspendCurrentQueueTime) = (30, TimeSpan.FromMilliseconds(100)),
            storage: _storage);
        await _recorder.UntilAsync(8);

        await cluster.Silos.StartAdditionalSiloAsync();
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup) is { Count: 2 } all
                && all.All(status => status.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic) == 2),
            "each silo has two of the four queues");
        Volatile.Write(ref isSplit, true);
        await rocketmq.UntilCommittedAsync(4);

        Assert.All(
            _recorder.Deliveries.GroupBy(delivery => delivery.Queue),
            queue => Assert.Equal(Enumerable.Range(0, 31), queue.Select(delivery => delivery.ReconsumeTimes).Distinct()));
        Assert.Equal(4, rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)).Count);
    }

    [Fact]
    public async Task Storage_is_written_for_failures_only()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(200);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, context) => messages[0].QueueOffset == 200 && context.ReconsumeTimes < 2 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            storage: _storage);

        await rocketmq.UntilCommittedAsync(200);
        Assert.Equal(0, _storage.Writes);
        await rocketmq.SendAsync(100, first: 200);
        await rocketmq.UntilCommittedAsync(300);

        // Two failures, and the end of them.
        Assert.Equal(3, _storage.Writes);
        Assert.Equal(0, _storage.Count);
    }

    [Fact]
    public async Task A_storage_that_is_away_stops_nothing_and_gets_what_it_has_missed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(2);
        _storage.Fails = true;
        var block = true;
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((_, _) => Volatile.Read(ref block) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success), storage: _storage);

        await _recorder.UntilAsync(4);
        Assert.Equal([0, 1, 2, 3], _recorder.Deliveries.Take(4).Select(delivery => delivery.ReconsumeTimes));
        _storage.Fails = false;
        await Eventually.TrueAsync(() => _storage.Count == 1, "the counts are written");
        Volatile.Write(ref block, false);
        await rocketmq.UntilCommittedAsync(2);

        await Eventually.TrueAsync(() => _storage.Count == 0, "nothing is kept of messages that are done");
    }

    [Fact]
    public async Task Without_storage_counts_are_kept_in_memory()
    {
        var counts = new FailureCounts(
            storage: null, Queue, TimeSpan.FromSeconds(5), SiloRuntime.Of(TimeProvider.System), NullLogger.Instance);
        await counts.BeginAsync(0);
        var message = TestMessages.At(5, reconsumeTimes: 2);

        counts.Count(message);
        counts.Count(message);
        await counts.SaveAsync();

        Assert.Equal(4, counts.Of(message));
        Assert.Equal(0, counts.Of(TestMessages.At(6)));
        counts.Forget([message]);
        Assert.False(counts.Any);
        Assert.Equal(2, counts.Of(message));
    }

    [Fact]
    public async Task Counts_of_another_message_at_the_same_offset_or_of_one_that_is_done_do_not_count()
    {
        var before = Counts();
        await before.BeginAsync(0);
        before.Count(TestMessages.At(3));
        before.Count(TestMessages.At(7));
        await before.SaveAsync();

        var after = Counts();
        await after.BeginAsync(5);

        Assert.Equal([7L], after.Snapshot.Select(failing => failing.Offset));
        Assert.Equal(1, after.Of(TestMessages.At(7)));
        var other = new MessageFailures(7, "another id", 9);
        Assert.NotEqual(other.MessageId, after.Snapshot[0].MessageId);
        Assert.Equal(0, after.Of(Another(7)));
    }

    [Fact]
    public async Task Counts_of_messages_that_are_done_do_not_come_back_from_storage()
    {
        var counts = Counts();
        await counts.BeginAsync(0);
        MessageExt[] messages = [TestMessages.At(1), TestMessages.At(2), TestMessages.At(5), TestMessages.At(6)];
        foreach (var message in messages)
        {
            counts.Count(message);
        }

        await counts.SaveAsync(() => new AckSnapshot(0, 10, [1, 2, 5, 6]));
        _storage.Fails = true;
        counts.Forget(messages.AsSpan(0, 1));
        counts.Forget(messages.AsSpan(2, 1));
        await counts.SaveAsync(() => new AckSnapshot(2, 10, [2, 6]));
        _storage.Fails = false;

        counts.Count(messages[3]);
        await counts.SaveAsync(() => new AckSnapshot(2, 10, [2, 6]));

        Assert.Equal([(2, 1), (6, 2)], counts.Snapshot.Select(failing => ((int)failing.Offset, failing.Count)));
        counts.Forget(messages);
        Assert.False(counts.Any);
    }

    [Fact]
    public async Task Whoever_wrote_in_between_is_not_overwritten()
    {
        var first = Counts();
        var second = Counts();
        await first.BeginAsync(0);
        await second.BeginAsync(0);
        first.Count(TestMessages.At(1));
        await first.SaveAsync();

        second.Count(TestMessages.At(2));
        await second.SaveAsync();
        second.Count(TestMessages.At(2));
        await second.SaveAsync();

        var after = Counts();
        await after.BeginAsync(0);
        Assert.Equal([(1, 1), (2, 2)], after.Snapshot.Select(failing => ((int)failing.Offset, failing.Count)));
    }

    [Fact]
    public async Task A_storage_that_never_answers_is_told_and_given_up_and_what_was_counted_is_written_later()
    {
        _storage.Unanswered = "failures";
        var counts = Counts(TimeSpan.FromMilliseconds(50));
        await counts.BeginAsync(0);
        await Eventually.TrueAsync(() => _storage.GivenUp == 1, "the storage is told");

        (_storage.Unanswered, _storage.UnansweredWrites) = (null, "failures");
        counts.Count(TestMessages.At(3));
        await counts.SaveAsync();
        await Eventually.TrueAsync(() => _storage.GivenUp == 2, "the storage is told");

        _storage.UnansweredWrites = null;
        var later = Counts();
        await later.BeginAsync(0);
        later.Count(TestMessages.At(3));
        await later.SaveAsync();
        Assert.Equal(1, _storage.Count);
    }

    private FailureCounts Counts(TimeSpan? storageTimeout = null) => new(
        QueueRecords.Failures(_storage, static queue => GrainId.Create("queue", $"g/{queue.Topic}/{queue.QueueId}/{queue.BrokerName}")),
        Queue,
        storageTimeout ?? TimeSpan.FromSeconds(5),
        SiloRuntime.Of(TimeProvider.System),
        NullLogger.Instance);

    private static MessageExt Another(long offset) => Assert.Single(MessageDecoder.DecodeAll(
        new StoredMessage
        {
            Topic = "T",
            QueueOffset = offset,
            CommitLogOffset = 4711,
            BornHost = new(System.Net.IPAddress.Loopback, 1),
            StoreHost = new(System.Net.IPAddress.Loopback, 10911),
        }.Encode(),
        "broker-a"));
}
