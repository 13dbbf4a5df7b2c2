using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Tests.Effects;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Failures;

/// <summary>Stops by error rules of which the group's settings hear late, or that they cannot store.</summary>
public sealed class LateStopTests
{
    private readonly ConcurrentQueue<int> _calls = new();
    private bool _isGood;

    [Fact]
    public async Task A_stop_that_comes_after_its_resume_is_lifted_though_telling_it_and_lifting_it_fail_at_first()
    {
        var late = new LateStops();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(2);
        await using var cluster = await ConsumeAsync(
            rocketmq, builder => builder.Services.AddSingleton<IOutgoingGrainCallFilter>(late));
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await late.IsTold.Task;

        Volatile.Write(ref _isGood, true);
        await management.ResumeAsync(ConsumerScope.Everything);
        late.GoOn.SetResult();
        await late.HasCome.Task;

        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Stopped.Count == 0, "it is lifted");
        Assert.True(late.Lifts > 2, $"{late.Lifts}");
        await rocketmq.SendOrdersAsync(3);
        await rocketmq.UntilCommittedAsync(2);
    }

    [Fact]
    public async Task A_queue_goes_on_though_its_silo_was_told_neither_that_the_cluster_knows_of_its_stop_nor_that_it_was_resumed()
    {
        var isDeaf = false;
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(
            rocketmq, builder => builder.Services.AddSingleton<IOutgoingGrainCallFilter>(new DeafSilos(() => Volatile.Read(ref isDeaf))));
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        Volatile.Write(ref isDeaf, true);
        await rocketmq.SendOrdersAsync(2);
        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Stopped.Count == 1, "the cluster knows of the stop");

        Volatile.Write(ref _isGood, true);
        await management.ResumeAsync(ConsumerScope.Everything);
        Volatile.Write(ref isDeaf, false);

        await rocketmq.UntilCommittedAsync(1);
        Assert.Empty((await management.GetFlowAsync()).Stopped);
    }

    [Fact]
    public async Task A_storage_that_has_just_failed_is_not_asked_again_for_each_stop()
    {
        var writes = 0;
        var isAway = true;
        var storage = new JsonStorage();
        storage.OnWrite = name => name != "flow" ? Writing.Succeeds
            : Interlocked.Increment(ref writes) > 0 && Volatile.Read(ref isAway) ? Writing.Fails : Writing.Succeeds;
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq, storage.Keep);
        var settings = cluster.Silos.Client.GetGrain<IGroupSettingsGrain>(rocketmq.MyGroup);
        StoppedQueue Stop(int queue) => new()
        {
            Queue = new("other", rocketmq.Broker.Name, queue),
            MessageId = "id",
            Reason = "bad",
            Silo = "s",
        };

        await Assert.ThrowsAsync<OrleansException>(() => settings.StopQueueAsync(Stop(0)));
        var before = writes;
        await Assert.ThrowsAsync<TimeoutException>(() => settings.StopQueueAsync(Stop(1)));
        Assert.Equal(before, writes);

        Volatile.Write(ref isAway, false);
        await Eventually.TrueAsync(() => IsTakenAsync(settings, Stop(1)), "it is stored when the storage is back");
        Assert.Equal(Stop(1), Assert.Single((await settings.GetAsync()).Flow.Stopped));
    }

    private static async Task<bool> IsTakenAsync(IGroupSettingsGrain settings, StoppedQueue stop)
    {
        try
        {
            await settings.StopQueueAsync(stop);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, Action<RocketMQBuilder> prepare) => rocketmq.ConsumeValuesAsync(
        consumer => consumer
            .Handle<OrderPlaced>(TestRocketMQ.Topic, async (message, _, _) =>
            {
                _calls.Enqueue(message.Value.Number);
                await Task.Yield();
                if (message.Value.Number == 2 && !Volatile.Read(ref _isGood))
                {
                    throw new InvalidDataException("the ledger does not add up");
                }
            })
            .Configure(options => options.HandlerMode = HandlerMode.Orderly)
            .OnError<InvalidDataException>(rule => rule.Stop()),
        prepare: prepare);

    /// <summary>Loses what silos are told of the group's settings, and their questions for them.</summary>
    private sealed class DeafSilos(Func<bool> areDeaf) : IOutgoingGrainCallFilter
    {
        public Task Invoke(IOutgoingGrainCallContext context)
            => areDeaf() && (context.InterfaceMethod.DeclaringType == typeof(IGroupAgent)
                || context.InterfaceMethod.Name is nameof(IGroupSettingsGrain.JoinAsync) or nameof(IGroupSettingsGrain.JoinWithVersionsAsync))
                ? throw new TimeoutException("lost")
                : context.Invoke();
    }

    /// <summary>Keeps the first stop back until it is told to go on; nobody hears that it has come. The first lifts fail.</summary>
    private sealed class LateStops : IOutgoingGrainCallFilter
    {
        private int _lifts;

        public TaskCompletionSource IsTold { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource HasCome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Lifts => Volatile.Read(ref _lifts);

        public async Task Invoke(IOutgoingGrainCallContext context)
        {
            var isSettings = context.InterfaceMethod.DeclaringType == typeof(IGroupSettingsGrain);
            var isLift = isSettings && context.InterfaceMethod.Name == nameof(IGroupSettingsGrain.LiftStopAsync);
            if (isLift && Interlocked.Increment(ref _lifts) <= 2)
            {
                throw new TimeoutException("lost");
            }

            var isStop = isSettings && context.InterfaceMethod.Name == nameof(IGroupSettingsGrain.StopQueueAsync);
            var isFirst = isStop && IsTold.TrySetResult();
            if (isFirst)
            {
                await GoOn.Task;
            }

            await context.Invoke();
            if (isFirst)
            {
                HasCome.TrySetResult();
                throw new TimeoutException("nobody hears of it");
            }
        }
    }
}
