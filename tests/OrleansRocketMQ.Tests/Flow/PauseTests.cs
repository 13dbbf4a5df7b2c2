using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

namespace OrleansRocketMQ.Tests.Flow;

/// <summary>What is paused neither pulls nor reaches a listener, wherever it runs and whoever joins, until it is resumed.</summary>
public sealed class PauseTests
{
    /// <summary>How long a queue is watched that must stand still.</summary>
    private static readonly TimeSpan AWhile = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task A_pause_holds_what_is_buffered_and_a_resume_goes_on_where_it_was()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var release = new SemaphoreSlim(0);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                await release.WaitAsync(CancellationToken.None);
                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (2, 2));
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.SendAsync(40);
        await Eventually.TrueAsync(() => InWork(cluster, rocketmq) == 2, "both slots are busy");

        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await management.PauseAsync(ConsumerScope.Everything);
        release.Release(1000);
        await Eventually.TrueAsync(() => InWork(cluster, rocketmq) == 0, "what was in work has ended");
        var before = rocketmq.Recorder.Count;
        await rocketmq.SendAsync(20, first: 40);
        await StaysAsync(() => rocketmq.Recorder.Count == before);
        await rocketmq.UntilCommittedAsync(before);
        Assert.All(cluster.StatusOf(rocketmq.MyGroup)[0].Queues, queue => Assert.True(queue.IsPaused));
        Assert.True((await management.GetFlowAsync()).Paused.Single() == ConsumerScope.Everything);

        await management.ResumeAsync(ConsumerScope.Everything);

        await rocketmq.UntilCommittedAsync(60);
        Assert.Equal(TestRocketMQ.Numbers(60), rocketmq.Recorder.Bodies.Order());
        Assert.DoesNotContain(cluster.StatusOf(rocketmq.MyGroup)[0].Queues, queue => queue.IsPaused);
    }

    /// <summary>The one situation in which an operator pauses an orderly group: its messages fail, and each attempt counts.</summary>
    [Theory]
    [InlineData(PoisonHandling.Block)]
    [InlineData(PoisonHandling.Park)]
    public async Task A_pause_holds_for_orderly_messages_that_came_back_and_for_those_that_are_parked(PoisonHandling handling)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var fails = true;
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, new ConsumeContext(context.Group, context.Queue));
                return new(Volatile.Read(ref fails) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success);
            },
            options => (options.PoisonHandling, options.MaxReconsumeTimes, options.SuspendCurrentQueueTime) = (handling, 100_000, TimeSpan.FromMilliseconds(20)));
        await rocketmq.SendAsync(6, prepare: message => message.ShardingKey = $"key {message.Body.Span[^1] % 2}");
        await rocketmq.Recorder.UntilAsync(20);

        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await management.PauseAsync(ConsumerScope.Everything);
        var pump = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>()
            .Find(rocketmq.MyGroup)!.Pumps.Values.Single(pump => pump.Queue.Topic == TestRocketMQ.Topic);
        await Eventually.TrueAsync(() => pump.Runs.Gate.IsPaused && pump.Runs.InFlight == 0, "the queue is paused, and what was in work has ended");
        var before = rocketmq.Recorder.Count;
        await StaysAsync(() => rocketmq.Recorder.Count == before);

        Volatile.Write(ref fails, false);
        await management.ResumeAsync(ConsumerScope.Everything);
        await rocketmq.UntilCommittedAsync(6);
    }

    [Fact]
    public async Task A_paused_queue_pulls_nothing_and_the_others_go_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync();
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        var paused = new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 2);

        await management.PauseAsync(ConsumerScope.OfQueue(paused));
        await rocketmq.SendAsync(80);
        await rocketmq.UntilAllCameAsync(60);
        await StaysAsync(() => rocketmq.Recorder.Count == 60);

        // A long poll that was under way may have brought one message; nothing of it was handed out.
        var status = (await management.GetStatusAsync()).Queues.Single(queue => queue.Queue == paused);
        Assert.True(status.IsPaused);
        Assert.Equal(0, status.Watermark);
        Assert.InRange(status.CachedMessages, 0, 20);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Single(queue => queue.Queue == paused).Lag == 20, "the lag of a paused queue is told, too");
        await management.ResumeAsync(ConsumerScope.OfQueue(paused));
        await rocketmq.UntilCommittedAsync(80);
        Assert.Equal(80, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_pause_holds_for_queues_that_move_and_for_silos_that_join()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync();
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await management.PauseAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
        await rocketmq.SendAsync(40);

        var second = await cluster.Silos.StartAdditionalSiloAsync();
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup) is { Count: 2 } all && all.All(silo => Queues(silo) == 2), "each silo has two queues");
        await StaysAsync(() => rocketmq.Recorder.Count == 0);
        Assert.Equal(2, (await management.GetStatusAsync()).Silos.Count);
        await cluster.Silos.StopSiloAsync(second);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup) is [var one] && Queues(one) == 4, "all queues are back");
        await StaysAsync(() => rocketmq.Recorder.Count == 0);

        await management.ResumeAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
        await rocketmq.UntilCommittedAsync(40);
        Assert.Equal(40, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_pause_of_one_silo_leaves_the_others_alone_and_adds_to_that_of_the_cluster()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup).All(silo => Queues(silo) == 2), "each silo has two queues");
        var control = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<IRocketMQSiloControl>();
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);

        control.Pause(rocketmq.MyGroup, ConsumerScope.Everything);
        await rocketmq.SendAsync(40);
        await rocketmq.UntilAllCameAsync(20);
        await StaysAsync(() => rocketmq.Recorder.Count == 20);
        Assert.Equal(ConsumerScope.Everything, Assert.Single(control.GetFlow(rocketmq.MyGroup).Paused));
        Assert.Empty((await management.GetFlowAsync()).Paused);

        await management.PauseAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
        control.Resume(rocketmq.MyGroup, ConsumerScope.Everything);
        await StaysAsync(() => rocketmq.Recorder.Count == 20);
        await management.ResumeAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
        await rocketmq.UntilCommittedAsync(40);
    }

    [Fact]
    public async Task Wrong_commands_are_refused_by_name()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);

        var topic = await Assert.ThrowsAsync<RocketMQValidationException>(() => management.PauseAsync(ConsumerScope.OfTopic("nobodys")));
        Assert.Contains("Topic is 'nobodys'", topic.Message, StringComparison.Ordinal);
        var rate = await Assert.ThrowsAsync<RocketMQValidationException>(() => management.LimitRateAsync(TestRocketMQ.Topic, 0));
        Assert.Contains("MessagesPerSecond is '0'", rate.Message, StringComparison.Ordinal);
        var group = await Assert.ThrowsAsync<ConsumerStateException>(
            () => cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>("nobodys").PauseAsync(ConsumerScope.Everything));
        Assert.Equal(RocketMQErrorCode.State, group.Code);
        var control = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<IRocketMQSiloControl>();
        Assert.Throws<ConsumerStateException>(() => control.Pause("nobodys", ConsumerScope.Everything));
        Assert.Throws<RocketMQValidationException>(() => control.LimitRate(rocketmq.MyGroup, TestRocketMQ.Topic, double.NaN));
        Assert.Equal(0, (await management.GetFlowAsync()).Version);
    }

    private static int InWork(TestCluster cluster, TestRocketMQ rocketmq) => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Sum(queue => queue.InFlight);

    private static int Queues(OrleansRocketMQ.Statistics.SiloGroupStatus silo) => silo.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset >= 0);

    private static async Task StaysAsync(Func<bool> condition)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < AWhile)
        {
            Assert.True(condition());
            await Task.Delay(10);
        }
    }
}
