using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;

namespace OrleansRocketMQ.Tests.Pop;

/// <summary>Groups whose messages are popped, in real silos and over TCP.</summary>
public sealed class PopTests
{
    [Fact]
    public async Task A_group_set_to_pop_gets_every_message_once_and_acknowledges_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.SendAsync(200);
        await using var cluster = await rocketmq.ConsumeAsync(configure: Pops, silos: 2);

        await rocketmq.UntilAllCameAsync(200);
        await UntilNothingIsHeldAsync(rocketmq);

        Assert.Equal(TestRocketMQ.Numbers(200), rocketmq.Recorder.Bodies.Order());
        Assert.Equal(200, rocketmq.Committed());
        Assert.All(PumpsOf(cluster, rocketmq), pump => Assert.True(pump.IsPopped));
        Assert.Equal(4, PumpsOf(cluster, rocketmq).Count());
    }

    [Fact]
    public async Task The_brokers_word_decides_and_its_change_moves_every_silo_over_and_back_without_a_loss()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        Assert.All(PumpsOf(cluster, rocketmq), pump => Assert.False(pump.IsPopped));
        var sent = 0;
        using var enough = new CancellationTokenSource();
        var sending = SendOnAsync();

        for (var turn = 0; turn < 2; turn++)
        {
            await SwitchAsync(rocketmq, cluster, MessageRequestMode.Pop);
            await UntilMoreCameAsync();
            await SwitchAsync(rocketmq, cluster, MessageRequestMode.Pull);
            await UntilMoreCameAsync();
        }

        await enough.CancelAsync();
        await sending;
        await rocketmq.UntilAllCameAsync(sent);
        Assert.Equal(TestRocketMQ.Numbers(sent), rocketmq.Recorder.Bodies.Distinct().Order());

        async Task SendOnAsync()
        {
            while (!enough.IsCancellationRequested)
            {
                await rocketmq.SendAsync(1, sent);
                sent++;
            }
        }

        Task UntilMoreCameAsync() => rocketmq.UntilAllCameAsync(rocketmq.Recorder.Bodies.Distinct().Count() + 50);
    }

    [Fact]
    public async Task What_listeners_finish_during_a_switch_does_not_come_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(60);
        var release = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                await release.Task;
                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (8, 8));
        await Eventually.TrueAsync(() => rocketmq.Recorder.Count >= 8, "calls under way");

        await SetModeAsync(rocketmq, MessageRequestMode.Pop);
        await Eventually.TrueAsync(() => PumpsOf(cluster, rocketmq).Any(pump => pump.IsEnding), "the queue that was pulled ends");
        release.SetResult();
        await UntilAsync(rocketmq, cluster, isPopped: true);

        await rocketmq.UntilAllCameAsync(60);
        await UntilNothingIsHeldAsync(rocketmq);
        Assert.Equal(60, rocketmq.Recorder.Count);
        Assert.Equal(60, rocketmq.Committed());
    }

    [Fact]
    public async Task A_reset_that_the_broker_told_a_pull_and_that_its_store_did_not_take_holds_for_the_pops_after_a_switch()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(5);
        var blocks = false;
        var release = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                await (Volatile.Read(ref blocks) ? release.Task : Task.CompletedTask);
                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1));
        await rocketmq.UntilCommittedAsync(5);
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.UpdateConsumerOffset });
        Volatile.Write(ref blocks, true);
        await rocketmq.ResetAsync();
        await Eventually.TrueAsync(() => PumpsOf(cluster, rocketmq).Any(pump => pump.UnstoredReset == 0), "it is told and not stored");

        await SetModeAsync(rocketmq, MessageRequestMode.Pop);
        await Eventually.TrueAsync(() => PumpsOf(cluster, rocketmq).Any(pump => pump.IsEnding), "the queue that was pulled ends");
        release.SetResult();
        await UntilAsync(rocketmq, cluster, isPopped: true);

        await Eventually.TrueAsync(
            () => rocketmq.Recorder.Bodies.Skip(5).Distinct().Count() == 5, "every message has come again");
    }

    [Fact]
    public async Task After_the_switch_back_to_pulls_what_was_not_acknowledged_comes_from_the_retry_topic_of_pops()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(3);
        var fails = true;
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, context) =>
            {
                if (Volatile.Read(ref fails))
                {
                    context.RetryAfter(messages[0], TimeSpan.FromSeconds(3));
                }

                return ConsumeResult.Success;
            }),
            Pops);
        await rocketmq.UntilAllCameAsync(3);
        await cluster.DisposeAsync();
        Volatile.Write(ref fails, false);
        var before = rocketmq.Recorder.Count;

        await using var pulling = await rocketmq.ConsumeAsync(configure: options => options.ConsumeMode = ConsumeMode.AsBroker);
        await rocketmq.Recorder.UntilAsync(before + 3);

        Assert.All(PumpsOf(pulling, rocketmq), pump => Assert.False(pump.IsPopped));
        Assert.Equal(TestRocketMQ.Numbers(3), rocketmq.Recorder.Bodies.Skip(before).Order());
        Assert.All(rocketmq.Recorder.Deliveries, delivery => Assert.Equal(TestRocketMQ.Topic, delivery.Message.Topic));
    }

    [Fact]
    public async Task A_message_that_fails_comes_again_and_past_its_attempts_is_a_dead_letter_with_its_reason()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        await using var cluster = await rocketmq.ConsumeAsync(
            (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                throw new InvalidOperationException("it cannot be");
            },
            options =>
            {
                Pops(options);
                options.MaxReconsumeTimes = 1;
                options.ErrorRules.Add(new() { Then = ErrorAction.RetryLater, RetryAfter = TimeSpan.FromMilliseconds(200) });
            });

        await Eventually.TrueAsync(() => rocketmq.Broker.QueueCount(SystemTopics.DeadLetter(rocketmq.MyGroup)) > 0, "dead letters");
        await UntilNothingIsHeldAsync(rocketmq);

        Assert.Equal([0, 1], rocketmq.Recorder.Deliveries.Select(delivery => delivery.Message.ReconsumeTimes));
        var letter = Assert.Single(rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup), 0));
        Assert.Equal("it cannot be", letter.GetProperty(MessageProperties.DeadLetterReason));
    }

    [Fact]
    public async Task What_a_silo_had_that_was_killed_comes_again_a_second_after_the_broker_offers_it_and_nothing_else_does()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.SendAsync(40);
        var dies = new TaskCompletionSource();
        var stuck = 0;
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                if (!dies.Task.IsCompleted && Interlocked.Increment(ref stuck) <= 4)
                {
                    await dies.Task;
                    await Task.Delay(Timeout.Infinite, CancellationToken.None);
                }

                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            options =>
            {
                Pops(options);
                options.PopInvisibleTime = TimeSpan.FromSeconds(3);
            });
        await Eventually.TrueAsync(() => rocketmq.Recorder.Count + stuck >= 40 && stuck >= 4, "all messages are done or in work");

        var started = await cluster.Silos.StartAdditionalSiloAsync();
        await cluster.Silos.KillSiloAsync(cluster.Silos.Silos[0]);
        dies.SetResult();

        await rocketmq.UntilAllCameAsync(40);
        Assert.Equal(40, rocketmq.Recorder.Count);
        await UntilNothingIsHeldAsync(rocketmq);
        Assert.NotNull(started);
    }

    [Fact]
    public async Task A_seek_of_a_group_that_pops_brings_its_messages_again_and_its_status_tells_no_offset()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.SendAsync(20);
        await using var cluster = await rocketmq.ConsumeAsync(configure: Pops, silos: 2);
        await rocketmq.UntilAllCameAsync(20);
        await UntilNothingIsHeldAsync(rocketmq);
        var status = await rocketmq.Management(cluster).GetStatusAsync();
        Assert.All(status.Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic), queue =>
        {
            Assert.Equal(0, queue.Popped!.Unacknowledged);
            Assert.Equal((-1, null), (queue.Watermark, queue.Lag));
        });

        await rocketmq.Management(cluster).SeekAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic), SeekTarget.Begin);
        await rocketmq.Recorder.UntilAsync(40);
        await UntilNothingIsHeldAsync(rocketmq);

        Assert.All(rocketmq.Recorder.Bodies.CountBy(static body => body), body => Assert.Equal(2, body.Value));
    }

    [Fact]
    public async Task A_seek_that_meets_the_stop_of_its_queue_says_so_instead_of_failing()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(configure: Pops);
        await rocketmq.SendAsync(1);
        await rocketmq.UntilAllCameAsync(1);
        var asked = new TaskCompletionSource();
        using var silent = rocketmq.Faults.Inject(Fault.NoAnswer() with
        {
            RequestCode = RequestCodes.InvokeBrokerToResetOffset,
            When = _ => asked.TrySetResult() || true,
        });
        var services = cluster.Silos.GetSiloServiceProvider(Assert.Single(cluster.Silos.GetActiveSilos()).SiloAddress);
        var key = services.GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!.GrainKeyOf(Assert.Single(PumpsOf(cluster, rocketmq)).Queue);
        var queue = services.GetRequiredService<IGrainFactory>().GetGrain<IMessageQueueGrain>(key);

        var seek = queue.SeekAsync(0);
        await asked.Task;
        await cluster.Consumer(rocketmq.MyGroup).StopAsync();

        Assert.False(await seek);
    }

    [Fact]
    public async Task A_paused_group_that_pops_gets_nothing_and_goes_on_when_it_is_resumed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(configure: Pops, silos: 2);
        await rocketmq.Management(cluster).PauseAsync(ConsumerScope.Everything);
        await Eventually.TrueAsync(() => PumpsOf(cluster, rocketmq).All(pump => pump.Runs.Gate.IsPaused), "all queues are paused");
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPops == 0, "no pop waits any more");
        await rocketmq.SendAsync(20);
        Assert.Equal(0, rocketmq.Broker.PoppedMessages(rocketmq.MyGroup, TestRocketMQ.Topic));

        await rocketmq.Management(cluster).ResumeAsync(ConsumerScope.Everything);
        await rocketmq.UntilAllCameAsync(20);

        Assert.Equal(20, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task Shares_come_and_go_with_the_mode_and_nothing_comes_twice()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(silos: 3);
        for (var turn = 0; turn < 2; turn++)
        {
            await SetModeAsync(rocketmq, MessageRequestMode.Pop);
            await Eventually.TrueAsync(() => PumpsOf(cluster, rocketmq).Count(pump => pump is { IsPopped: true, HasBegun: true }) == 3, "three silos pop the queue");
            await rocketmq.SendAsync(30, 60 * turn);
            await rocketmq.UntilAllCameAsync((60 * turn) + 30);
            await SetModeAsync(rocketmq, MessageRequestMode.Pull);
            await Eventually.TrueAsync(
                () => PumpsOf(cluster, rocketmq).ToArray() is [{ IsPopped: false, HasBegun: true }], "one silo pulls the queue");
            await rocketmq.SendAsync(30, (60 * turn) + 30);
            await rocketmq.UntilAllCameAsync((60 * turn) + 60);
        }

        Assert.Equal(TestRocketMQ.Numbers(120), rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task More_silos_than_queues_get_work_and_each_the_same_part_of_it()
    {
        const int silos = 16;
        const int messages = silos * 100;
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (batch, context, token) =>
            {
                // As long as a listener takes at saturation: whoever is quicker would only have more of it.
                await Task.Delay(TimeSpan.FromMilliseconds(20), token);
                rocketmq.Recorder.Record(batch, context);
                return ConsumeResult.Success;
            },
            options =>
            {
                Pops(options);
                (options.ConsumeThreadMin, options.ConsumeThreadMax, options.PullThresholdForQueue, options.PullBatchSize) = (1, 1, 8, 4);
            },
            silos);
        await Eventually.TrueAsync(() => PumpsOf(cluster, rocketmq).Count(pump => pump.HasBegun) == silos, "each silo pops a share");

        await rocketmq.SendAsync(messages);
        await rocketmq.UntilAllCameAsync(messages);

        Assert.Equal(messages, rocketmq.Recorder.Count);
        var consumed = cluster.StatusOf(rocketmq.MyGroup).Select(static silo => silo.Figures.Consumed).ToArray();
        Assert.Equal(silos, consumed.Length);
        Assert.All(consumed, count => Assert.InRange(count, 80, 120));
    }

    internal static void Pops(ConsumerOptions options) => options.ConsumeMode = ConsumeMode.Pop;

    internal static IEnumerable<Engine.Queue.IGroupQueue> PumpsOf(TestCluster cluster, TestRocketMQ rocketmq) => cluster.Silos.GetActiveSilos()
        .SelectMany(silo => cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)?.Pumps.Values ?? [])
        .Where(pump => pump.Queue.Topic == TestRocketMQ.Topic);

    private static Task SetModeAsync(TestRocketMQ rocketmq, MessageRequestMode mode)
        => rocketmq.Client.Brokers.SetMessageRequestModeAsync(rocketmq.Broker.Address, TestRocketMQ.Topic, rocketmq.MyGroup, mode);

    internal static async Task SwitchAsync(TestRocketMQ rocketmq, TestCluster cluster, MessageRequestMode mode)
    {
        await SetModeAsync(rocketmq, mode);
        await UntilAsync(rocketmq, cluster, mode == MessageRequestMode.Pop);
    }

    internal static Task UntilAsync(TestRocketMQ rocketmq, TestCluster cluster, bool isPopped) => Eventually.TrueAsync(
        () => PumpsOf(cluster, rocketmq).Count(pump => pump.IsPopped == isPopped && pump.HasBegun && !pump.IsEnding) == rocketmq.Broker.QueueCount(TestRocketMQ.Topic),
        () => $"every queue is {(isPopped ? "popped" : "pulled")}");

    private static Task UntilNothingIsHeldAsync(TestRocketMQ rocketmq) => Eventually.TrueAsync(
        () => rocketmq.Broker.PoppedMessages(rocketmq.MyGroup, TestRocketMQ.Topic) == 0,
        () => $"nothing is held; {rocketmq.Broker.PoppedMessages(rocketmq.MyGroup, TestRocketMQ.Topic)} messages are");
}
