using System.Collections.Concurrent;
using System.Text;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;
using OrleansRocketMQ.Tests.Orderly;
using static OrleansRocketMQ.Tests.Pop.PopTests;

namespace OrleansRocketMQ.Tests.Pop;

/// <summary>Groups in order, and in the order of keys, whose messages are popped: in real silos and over TCP.</summary>
public sealed class OrderedPopTests
{
    private static readonly string[] Keys = [.. Enumerable.Range(0, 12).Select(number => $"key-{number}")];

    public static TheoryData<Mode> InOrder => [Mode.Orderly, Mode.KeyOrdered];

    [Theory]
    [MemberData(nameof(InOrder))]
    public async Task Every_message_comes_once_and_in_its_order_and_a_queue_is_one_silos_however_many_there_are(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var history = new KeyHistory();
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, Keys, 0, 20);
        await using var cluster = await rocketmq.ConsumeAsync(mode, messages => ListenAsync(history, messages), silos: 4, Pops);

        await rocketmq.UntilCommittedAsync(240);

        Assert.Null(history.Violation);
        Assert.Equal((240, 0), (history.Succeeded, history.Repeats));
        var status = await rocketmq.Management(cluster).GetStatusAsync();
        var queues = status.Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic).ToArray();
        Assert.Equal([0, 1], queues.Select(queue => queue.Queue.QueueId).Order());
        Assert.All(queues, queue => Assert.True(queue.Popped!.IsInOrder));
    }

    [Fact]
    public async Task What_is_done_behind_a_message_of_another_key_that_is_not_does_not_come_again_when_its_queue_moves()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var came = new ConcurrentQueue<(string Key, int Number)>();
        var fails = true;
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["bad"], 0, 1);
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, ["good"], 0, 5);
        await using var cluster = await rocketmq.ConsumeAsync(
            Mode.KeyOrdered,
            messages =>
            {
                came.Enqueue((messages[0].ShardingKey!, KeyHistory.NumberOf(messages[0])));
                return Volatile.Read(ref fails) && messages[0].ShardingKey == "bad"
                    ? Task.FromException(new InvalidOperationException("not yet"))
                    : Task.CompletedTask;
            },
            silos: 2,
            options =>
            {
                Pops(options);
                options.ConsumeBatchSize = 1;
                options.MaxReconsumeTimes = 1000;
            });
        await Eventually.TrueAsync(() => came.Count(message => message.Key == "good") == 5, "those of the other key are done");
        var management = rocketmq.Management(cluster);
        var before = await SiloAsync();

        var silos = cluster.Silos.GetActiveSilos().Select(silo => silo.SiloAddress.ToParsableString());
        await management.MoveQueueAsync(rocketmq.Queue(0), silos.Single(silo => silo != before));
        Assert.NotEqual(before, await SiloAsync());
        Volatile.Write(ref fails, false);
        await rocketmq.UntilCommittedAsync(6);

        Assert.Equal([0, 1, 2, 3, 4], came.Where(message => message.Key == "good").Select(message => message.Number));

        async Task<string> SiloAsync()
            => (await management.GetStatusAsync()).Queues.Single(queue => queue.Queue == rocketmq.Queue(0)).Silo;
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public async Task The_brokers_word_moves_every_silo_over_and_back_and_the_order_holds(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var history = new KeyHistory(repeatsAllowed: true);
        await using var cluster = await rocketmq.ConsumeAsync(mode, messages => ListenAsync(history, messages), silos: 2);
        Assert.All(PumpsOf(cluster, rocketmq), pump => Assert.False(pump.IsPopped));
        var sent = 0;
        using var enough = new CancellationTokenSource();
        var sending = SendOnAsync();

        for (var turn = 0; turn < 2; turn++)
        {
            await SwitchAsync(rocketmq, cluster, MessageRequestMode.Pop);
            await UntilMoreSucceededAsync();
            await SwitchAsync(rocketmq, cluster, MessageRequestMode.Pull);
            await UntilMoreSucceededAsync();
        }

        await enough.CancelAsync();
        await sending;
        await rocketmq.UntilCommittedAsync(sent * Keys.Length);
        Assert.Null(history.Violation);
        Assert.Equal(sent * Keys.Length, history.Succeeded);

        async Task SendOnAsync()
        {
            while (!enough.IsCancellationRequested)
            {
                await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, Keys, sent, 1);
                sent++;
            }
        }

        Task UntilMoreSucceededAsync()
        {
            var goal = history.Succeeded + 60;
            return Eventually.TrueAsync(() => history.Succeeded >= goal || history.Violation is not null, () => $"{goal} messages; there are {history.Succeeded}");
        }
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public async Task What_a_silo_had_that_was_killed_comes_again_in_its_order(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var history = new KeyHistory(repeatsAllowed: true);
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, Keys, 0, 10);
        var dies = new TaskCompletionSource();
        var begun = 0;
        await using var cluster = await rocketmq.ConsumeAsync(
            mode,
            async messages =>
            {
                if (!dies.Task.IsCompleted && Interlocked.Increment(ref begun) > 20)
                {
                    await dies.Task;
                    await Task.Delay(Timeout.Infinite, CancellationToken.None);
                }

                foreach (var message in messages)
                {
                    history.Succeed(message.ShardingKey!, KeyHistory.NumberOf(message));
                }
            },
            configure: options =>
            {
                Pops(options);
                options.PopInvisibleTime = TimeSpan.FromSeconds(3);
            });
        await Eventually.TrueAsync(() => begun > 20, "listeners are at work");

        await cluster.Silos.StartAdditionalSiloAsync();
        await cluster.Silos.KillSiloAsync(cluster.Silos.Silos[0]);
        dies.SetResult();

        await rocketmq.UntilCommittedAsync(120);
        Assert.Null(history.Violation);
        Assert.Equal(120, history.Succeeded);
    }

    [Theory]
    [MemberData(nameof(InOrder))]
    public async Task A_seek_and_a_pause_keep_the_order(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var history = new KeyHistory(repeatsAllowed: true);
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, Keys, 0, 10);
        await using var cluster = await rocketmq.ConsumeAsync(mode, messages => ListenAsync(history, messages), silos: 2, Pops);
        await rocketmq.UntilCommittedAsync(120);

        await rocketmq.Management(cluster).SeekAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic), SeekTarget.Begin);
        await Eventually.TrueAsync(() => history.Repeats == 120, () => $"all come again; {history.Repeats} have");
        await rocketmq.UntilCommittedAsync(120);
        await rocketmq.Management(cluster).PauseAsync(ConsumerScope.Everything);
        await Eventually.TrueAsync(() => PumpsOf(cluster, rocketmq).All(pump => pump.Runs.Gate.IsPaused), "all queues are paused");
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, Keys, 10, 5);
        Assert.Equal(120, history.Succeeded);
        await rocketmq.Management(cluster).ResumeAsync(ConsumerScope.Everything);
        await rocketmq.UntilCommittedAsync(180);

        Assert.Null(history.Violation);
        Assert.Equal((180, 120), (history.Succeeded, history.Repeats));
    }

    [Fact]
    public async Task A_listener_that_commits_every_few_messages_gets_the_next_ones_since_its_group_pulls()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var recorder = new OrderlyRecorder();
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            recorder.Then(static (messages, _)
                => Encoding.UTF8.GetString(messages[^1].Body.Span) == "3" ? ConsumeOrderlyResult.Commit : ConsumeOrderlyResult.Success),
            options =>
            {
                Pops(options);
                (options.AutoCommit, options.ConsumeBatchSize) = (false, 1);
            });
        await rocketmq.SendAsync(3);
        await recorder.UntilAsync(3);
        Assert.Equal(0, rocketmq.Committed());

        await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "3"u8.ToArray()));
        await rocketmq.UntilCommittedAsync(4);
    }

    [Fact]
    public async Task What_was_popped_when_any_order_would_do_comes_to_a_group_in_order_too()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(3);
        await using var before = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, context) =>
            {
                context.RetryAfter(messages[0], TimeSpan.FromSeconds(3));
                return ConsumeResult.Success;
            }),
            Pops);
        await rocketmq.UntilAllCameAsync(3);
        await before.DisposeAsync();
        var count = rocketmq.Recorder.Count;

        await using var cluster = await rocketmq.ConsumeAsync(Mode.Orderly, static _ => Task.CompletedTask, configure: Pops);
        await rocketmq.Recorder.UntilAsync(count + 3);

        Assert.Equal(TestRocketMQ.Numbers(3), rocketmq.Recorder.Bodies.Skip(count).Order());
    }

    private static async Task ListenAsync(KeyHistory history, MessageBatch messages)
    {
        var key = messages[0].ShardingKey!;
        history.Begin(key, messages);
        await Task.Yield();
        history.End(key, messages, messages.Count);
    }
}
