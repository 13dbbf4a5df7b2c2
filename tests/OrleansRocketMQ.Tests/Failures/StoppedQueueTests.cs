using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Health;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Tests.Effects;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Failures;

/// <summary>A queue that an error rule has stopped stands still wherever it goes, and says why, until somebody resumes it.</summary>
public sealed class StoppedQueueTests
{
    private readonly ConcurrentQueue<int> _calls = new();
    private bool _isGood;

    [Fact]
    public async Task It_stands_still_on_the_next_silo_and_says_where_when_and_why()
    {
        using var folder = new TestFolder();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1, 2, 3);
        await using var cluster = await ConsumeAsync(rocketmq, folder.Path);
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        var before = DateTimeOffset.UtcNow.AddSeconds(-60);
        var first = cluster.Silos.Silos[0];
        var stop = await StopOfAsync(management);

        Assert.Equal((TestRocketMQ.Topic, 1L, first.SiloAddress.ToParsableString()), (stop.Queue.Topic, stop.Offset, stop.Silo));
        Assert.Equal(rocketmq.Broker.Messages(TestRocketMQ.Topic)[1].MessageId, stop.MessageId);
        Assert.Contains("the ledger does not add up", stop.Reason, StringComparison.Ordinal);
        Assert.InRange(stop.Since, before, DateTimeOffset.UtcNow.AddSeconds(60));

        var second = await cluster.Silos.StartAdditionalSiloAsync();
        await cluster.Silos.StopSiloAsync(first);
        var services = cluster.Silos.GetSiloServiceProvider(second.SiloAddress);
        var runtime = await RuntimeOnAsync(cluster, second.SiloAddress, rocketmq);

        // The client may still know the gateway of the silo that is gone.
        management = services.GetRequiredService<IGrainFactory>().GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(
            () => runtime.Pumps.Values.Any(pump => pump.Queue == stop.Queue && pump.Runs.Gate.Stopped is not null),
            "the queue is on the second silo");
        var tries = _calls.Count(number => number == 2);
        await rocketmq.SendOrdersAsync(4);

        var trouble = Assert.Single(GroupHealth.Of(runtime, DateTimeOffset.UtcNow).Troubles);
        Assert.True(trouble.Contains($"on silo {stop.Silo} at", StringComparison.Ordinal), trouble);
        var status = (await management.GetStatusAsync()).Queues.Single(queue => queue.Queue == stop.Queue);
        Assert.True(status is { HasFailed: true, IsPaused: true });
        Assert.Contains(stop.MessageId, status.LastError, StringComparison.Ordinal);
        Assert.Equal(tries, _calls.Count(number => number == 2));
        Assert.DoesNotContain(4, _calls);

        Volatile.Write(ref _isGood, true);
        await management.ResumeAsync(ConsumerScope.OfQueue(stop.Queue));
        await rocketmq.UntilCommittedAsync(4);
        Assert.Empty((await management.GetFlowAsync()).Stopped);
    }

    [Theory]
    [InlineData(ConsumeMode.Pull)]
    [InlineData(ConsumeMode.Pop)]
    public async Task One_of_which_the_cluster_could_not_be_told_stands_still_on_the_next_silo_which_tells_it(ConsumeMode mode)
    {
        var isAway = true;
        var storage = new JsonStorage();
        storage.OnWrite = name => name == "flow" && Volatile.Read(ref isAway) ? Writing.Fails : Writing.Succeeds;

        // As many as silos, so that none is shared where they are popped.
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await rocketmq.SendOrdersAsync(2, 3);
        await using var cluster = await ConsumeAsync(
            rocketmq,
            storage.Keep,
            options => (options.HandlerMode, options.ConsumeMode) = (HandlerMode.Concurrent, mode));
        var first = cluster.Silos.Silos[0];
        var runtime = await RuntimeOnAsync(cluster, first.SiloAddress, rocketmq);
        var queue = (await Eventually.GetAsync(
            () => Task.FromResult(runtime.Pumps.Values.FirstOrDefault(pump => pump.Runs.Gate.Stopped is not null)), "it has stopped")).Queue;
        var tries = _calls.Count(number => number == 2);

        var second = await cluster.Silos.StartAdditionalSiloAsync();
        await Eventually.TrueAsync(() => runtime.View.Ours.Count() == 2, "the first silo knows whom to hand it over to");
        await cluster.Silos.StopSiloAsync(first);
        var next = await RuntimeOnAsync(cluster, second.SiloAddress, rocketmq);
        await Eventually.TrueAsync(
            () => next.Pumps.TryGetValue(queue, out var pump) && pump.Runs.Gate.Stopped is not null,
            "it stands still on the second silo");
        Volatile.Write(ref isAway, false);

        var management = cluster.Silos.GetSiloServiceProvider(second.SiloAddress).GetRequiredService<IGrainFactory>()
            .GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(
            async () => (await management.GetFlowAsync()).StopOf(queue)?.Silo == first.SiloAddress.ToParsableString(),
            "the cluster knows of it, and where it was");

        // A message of pops that comes back may have come by way of another queue.
        Assert.True(mode == ConsumeMode.Pop || tries == _calls.Count(number => number == 2));
        Volatile.Write(ref _isGood, true);
        await management.ResumeAsync(ConsumerScope.Everything);
        await Eventually.TrueAsync(() => _calls.Count(number => number == 2) > tries, "it goes on");
    }

    [Fact]
    public async Task It_stands_still_after_a_start_of_the_whole_cluster()
    {
        using var folder = new TestFolder();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1, 2, 3);
        StoppedQueue stop;
        await using (var cluster = await ConsumeAsync(rocketmq, folder.Path))
        {
            stop = await StopOfAsync(cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup));
        }

        var tries = _calls.Count(number => number == 2);
        Volatile.Write(ref _isGood, true);
        await using var next = await ConsumeAsync(rocketmq, folder.Path);
        var management = next.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        Assert.Equal(stop, Assert.Single((await management.GetFlowAsync()).Stopped));
        await Eventually.TrueAsync(
            async () => (await management.GetStatusAsync()).Queues.Single(queue => queue.Queue == stop.Queue) is { HasFailed: true }, "it stands still");
        Assert.Equal(tries, _calls.Count(number => number == 2));

        await management.ResumeAsync(ConsumerScope.Everything);
        await rocketmq.UntilCommittedAsync(3);
    }

    [Fact]
    public async Task One_that_fails_again_after_it_was_resumed_stops_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(2);
        await using var cluster = await ConsumeAsync(rocketmq);
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        var first = await StopOfAsync(management);

        await management.ResumeAsync(ConsumerScope.Everything);
        await Eventually.TrueAsync(
            async () => (await management.GetFlowAsync()).Stopped is [var again] && again != first, "it has stopped again");

        Assert.Equal([2, 2], _calls);
    }

    [Fact]
    public void What_is_stored_says_what_it_said_and_what_version_0_2_stored_knows_of_no_stop()
    {
        var stop = new StoppedQueue
        {
            Queue = new("T", "broker-a", 3),
            MessageId = "id",
            Offset = 7,
            Reason = "bad",
            Since = DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_123),
            Silo = "S127.0.0.1:1:1",
        };
        var flow = FlowSettings.None.Pause(ConsumerScope.OfTopic("T")).Stop(stop);

        var read = GroupSettingsState.Of(new(flow, new())).ToSettings().Flow;
        Assert.Equal(stop, Assert.Single(read.Stopped));
        Assert.Equal(flow.Version, read.Version);
        Assert.Empty(new GroupSettingsState().ToSettings().Flow.Stopped);
    }

    [Fact]
    public void A_resume_lets_the_stopped_queues_of_its_scope_go_on_and_no_others()
    {
        StoppedQueue Stop(string topic, int queue) => new() { Queue = new(topic, "broker-a", queue) };
        var flow = FlowSettings.None.Stop(Stop("T", 0)).Stop(Stop("T", 1)).Stop(Stop("U", 0)).Pause(ConsumerScope.OfTopic("T"));

        Assert.Same(flow, flow.Stop(Stop("T", 0) with { Reason = "later" }));
        Assert.Equal([("T", 1), ("U", 0)], Left(flow.Resume(ConsumerScope.OfQueue(new("T", "broker-a", 0)))));
        Assert.Equal([("U", 0)], Left(flow.Resume(ConsumerScope.OfTopic("T"))));
        Assert.Empty(Left(flow.Resume(ConsumerScope.Everything)));
        Assert.True(flow.Resume(ConsumerScope.Everything).IsPaused(new("T", "broker-a", 0)));
        Assert.Same(flow, flow.Resume(ConsumerScope.OfTopic("other")));

        static IEnumerable<(string, int)> Left(FlowSettings settings) => settings.Stopped.Select(stop => (stop.Queue.Topic, stop.Queue.QueueId));
    }

    [Fact]
    public void A_stop_that_is_lifted_leaves_what_operators_have_paused()
    {
        var queue = new MessageQueue("T", "broker-a", 0);
        var stop = new StoppedQueue { Queue = queue, Reason = "bad" };
        var flow = FlowSettings.None.Pause(ConsumerScope.OfQueue(queue)).Stop(stop).Stop(new() { Queue = new("T", "broker-a", 1) });

        var lifted = flow.Without(stop);

        Assert.True(lifted.IsPaused(queue));
        Assert.Equal(1, Assert.Single(lifted.Stopped).Queue.QueueId);
        Assert.Equal(flow.Version + 1, lifted.Version);
    }

    private static Task<StoppedQueue> StopOfAsync(IConsumerGroupManagementGrain management) => Eventually.GetAsync(
        async () => (await management.GetFlowAsync()).Stopped.SingleOrDefault(), "the cluster knows of the stop");

    // A silo that joins others begins its groups once it has warmed up.
    private static Task<ConsumerGroupRuntime> RuntimeOnAsync(TestCluster cluster, SiloAddress silo, TestRocketMQ rocketmq) => Eventually.GetAsync(
        () => Task.FromResult(cluster.Silos.GetSiloServiceProvider(silo).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)),
        "the group is on the silo");

    private Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, string? folder = null) => ConsumeAsync(
        rocketmq,
        builder =>
        {
            if (folder is not null)
            {
                builder.UseFileStorage().Configure(options => options.OffsetStorePath = folder);
            }
        },
        options => options.HandlerMode = HandlerMode.Orderly);

    private Task<TestCluster> ConsumeAsync(
        TestRocketMQ rocketmq, Action<RocketMQBuilder> prepare, Action<ConsumerOptions> configure) => rocketmq.ConsumeValuesAsync(
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
            .Configure(configure)
            .OnError<InvalidDataException>(rule => rule.Stop()),
        prepare: prepare);
}
