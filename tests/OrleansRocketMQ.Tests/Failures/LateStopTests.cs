using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
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

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stop_that_comes_while_its_silo_learns_of_the_one_before_holds_and_is_told(bool hearsResume)
    {
        var looks = new HeldLooks { LosesResumes = !hearsResume };
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq, builder => builder.Services.AddSingleton<IOutgoingGrainCallFilter>(looks));
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        var runtime = await JoinedAsync(cluster, management, rocketmq);
        await rocketmq.SendOrdersAsync(2);
        await looks.IsAsked.Task.WaitAsync(TimeSpan.FromSeconds(60));

        await management.ResumeAsync(ConsumerScope.Everything);
        await Eventually.TrueAsync(
            () => _calls.Count == 2 && runtime.Pumps.Values.Any(pump => pump.Runs.Gate.Stopped is not null), "it has stopped again");
        Volatile.Write(ref _isGood, true);
        looks.GoOn.SetResult();

        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Stopped.Count == 1, "the cluster knows of the second");
        Assert.Equal([2, 2], _calls);
        looks.LosesResumes = false;
        await management.ResumeAsync(ConsumerScope.Everything);
        await rocketmq.UntilCommittedAsync(1);
    }

    [Fact]
    public async Task A_stop_that_was_told_is_neither_told_again_nor_taken_along_though_its_silo_cannot_learn_of_it()
    {
        var looks = new HeldLooks { LosesLooks = true };
        looks.GoOn.SetResult();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq, builder => builder.Services.AddSingleton<IOutgoingGrainCallFilter>(looks));
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        var runtime = await JoinedAsync(cluster, management, rocketmq);
        await rocketmq.SendOrdersAsync(2);
        await looks.IsAsked.Task.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Empty(runtime.Flow.UntoldStops);
        await Eventually.TrueAsync(() => looks.Looks > 2, "it is tried again");
        Assert.Equal(1, looks.Stops);

        Volatile.Write(ref _isGood, true);
        await management.ResumeAsync(ConsumerScope.Everything);
        looks.LosesLooks = false;
        await rocketmq.UntilCommittedAsync(1);
        Assert.Equal(1, looks.Stops);
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

    /// <summary>The group on its silo, which the settings know: one that they do not know yet is told of no resume.</summary>
    private static async Task<ConsumerGroupRuntime> JoinedAsync(
        TestCluster cluster, IConsumerGroupManagementGrain management, TestRocketMQ rocketmq)
    {
        var runtime = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress)
            .GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!;
        await management.PauseAsync(ConsumerScope.Everything);
        await Eventually.TrueAsync(() => runtime.Flow.Cluster is { Paused.Count: > 0 }, "the silo has heard");
        await management.ResumeAsync(ConsumerScope.Everything);
        return runtime;
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

    /// <summary>Keeps a silo that has told of a stop from learning what has become of it, until it is told to go on.</summary>
    private sealed class HeldLooks : IOutgoingGrainCallFilter
    {
        private int _stops;
        private int _looks;

        public TaskCompletionSource IsAsked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public volatile bool LosesResumes;

        public volatile bool LosesLooks;

        public int Stops => Volatile.Read(ref _stops);

        public int Looks => Volatile.Read(ref _looks);

        public async Task Invoke(IOutgoingGrainCallContext context)
        {
            switch (context.InterfaceMethod.Name)
            {
                case nameof(IGroupSettingsGrain.StopQueueAsync):
                    Interlocked.Increment(ref _stops);
                    break;
                case nameof(IGroupAgent.RecoverAsync) when LosesResumes:
                    throw new TimeoutException("lost");

                // Not what grains ask: the management's, and those of queues that start.
                case nameof(IGroupSettingsGrain.GetAsync) when Stops > 0 && context.SourceId?.IsClient() != false:
                    Interlocked.Increment(ref _looks);
                    IsAsked.TrySetResult();
                    await GoOn.Task;
                    if (LosesLooks)
                    {
                        throw new TimeoutException("lost");
                    }

                    break;
            }

            await context.Invoke();
        }
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
