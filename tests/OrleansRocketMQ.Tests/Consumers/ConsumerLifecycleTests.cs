using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Consumers;

public sealed class ConsumerLifecycleTests
{
    [Fact]
    public async Task Starting_and_stopping_twice_does_no_harm_and_statistics_count_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        var consumer = cluster.Consumer(rocketmq.MyGroup);
        await rocketmq.SendAsync(10);
        await rocketmq.Recorder.UntilAsync(10);

        await Task.WhenAll(consumer.StartAsync(), consumer.StartAsync());
        Assert.Equal(ConsumerState.Running, consumer.State);
        await Task.WhenAll(consumer.StopAsync(), consumer.StopAsync());
        Assert.Equal(ConsumerState.Stopped, consumer.State);
        Assert.Empty(cluster.StatusOf(rocketmq.MyGroup));
        await Task.WhenAll(consumer.StartAsync(), consumer.RestartAsync());
        await rocketmq.SendAsync(10, first: 10);
        await rocketmq.UntilAllCameAsync(20);

        Assert.Equal(20, rocketmq.Recorder.Count);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup) is [{ Consumed: 20 }], "20 messages counted");
    }

    [Fact]
    public async Task A_listener_is_taken_only_while_the_consumer_is_stopped()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        var consumer = cluster.Consumer(rocketmq.MyGroup);
        await Eventually.TrueAsync(() => consumer.State == ConsumerState.Running, "running");

        var error = Assert.Throws<ConsumerStateException>(() => consumer.Handle((_, _) => Task.CompletedTask));
        Assert.Equal(RocketMQErrorCode.State, error.Code);
        await consumer.StopAsync();
        var bodies = new System.Collections.Concurrent.ConcurrentBag<string>();
        consumer.Handle((message, _) =>
        {
            bodies.Add(TestRocketMQ.Text(message));
            return Task.FromResult(ConsumeResult.Success);
        });
        await consumer.StartAsync();
        await rocketmq.SendAsync(5);

        await Eventually.TrueAsync(() => bodies.Count == 5, "the new listener gets the messages");
        Assert.Equal(0, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task A_stop_that_leaves_messages_unfinished_says_so_and_they_come_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var calls = 0;
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, token) =>
            {
                if (Interlocked.Increment(ref calls) == 1)
                {
                    await Task.Delay(Timeout.Infinite, token);
                }

                rocketmq.Recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(100));
        var consumer = cluster.Consumer(rocketmq.MyGroup);
        await rocketmq.SendAsync(1);
        await Eventually.TrueAsync(() => Volatile.Read(ref calls) == 1, "the listener has the message");

        var error = await Assert.ThrowsAsync<ConsumerShutdownException>(() => consumer.StopAsync());

        Assert.Equal(RocketMQErrorCode.Shutdown, error.Code);
        Assert.Equal(ConsumerState.Stopped, consumer.State);
        await consumer.StartAsync();
        await rocketmq.UntilAllCameAsync(1);
    }

    [Fact]
    public async Task A_consumer_one_of_whose_loops_fails_again_and_again_stops_and_can_be_started_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.BeginAsync(configure: options => options.AutoStart = false);
        var consumer = cluster.Consumer(rocketmq.MyGroup);
        var options = ((ConsumerLifecycle)consumer).Options;

        // No timer takes such an interval: the loop that stores progress fails whenever it begins.
        options.PersistInterval = TimeSpan.FromTicks(-7);
        await consumer.StartAsync();
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        await consumer.StopAsync();

        Assert.Equal(ConsumerState.Stopped, consumer.State);
        Assert.Empty(cluster.StatusOf(rocketmq.MyGroup));
        await Eventually.TrueAsync(() => rocketmq.Broker.ClientsOf(rocketmq.MyGroup).Count == 0, "the silo has left the group");
        options.PersistInterval = TimeSpan.FromMilliseconds(20);
        await consumer.StartAsync();
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
    }

    /// <summary>Finding M18.</summary>
    [Fact]
    public async Task A_consumer_of_which_a_queue_fails_to_stop_says_so_is_stopped_and_can_be_started_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        var consumer = cluster.Consumer(rocketmq.MyGroup);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        var pumps = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!.Pumps;
        // Under another name than its own: so it stays when it has failed once, while the queues are handed over.
        pumps[FailsToStop.Queue with { QueueId = 1 }] = DispatchProxy.Create<IGroupQueue, FailsToStop>();

        var error = await Assert.ThrowsAnyAsync<Exception>(() => consumer.StopAsync());

        Assert.Contains("It fails to stop.", $"{error}", StringComparison.Ordinal);
        Assert.Equal(ConsumerState.Stopped, consumer.State);
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
        await consumer.StartAsync();
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
    }

    [Fact]
    public async Task Of_the_steps_of_a_stop_each_is_taken_and_what_failed_is_told()
    {
        var taken = new List<int>();
        var steps = new StopSteps();
        for (var number = 0; number < 4; number++)
        {
            await steps.TakeAsync(() =>
            {
                taken.Add(number);
                return number % 2 == 1 ? throw new InvalidOperationException($"{number}") : Task.CompletedTask;
            });
        }

        Assert.Equal([0, 1, 2, 3], taken);
        Assert.Equal(["1", "3"], Assert.Throws<AggregateException>(steps.ThrowIfAnyFailed).InnerExceptions.Select(failure => failure.Message));
        new StopSteps().ThrowIfAnyFailed();
    }

    [Fact]
    public async Task What_keeping_offsets_takes_is_told()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);

        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup)[0].Offsets is { Loaded: >= 4, LoadsFailed: 0, PersistsFailed: 0 },
            () => $"a load of each queue is counted: {cluster.StatusOf(rocketmq.MyGroup)[0].Offsets}");
    }

    [Fact]
    public async Task A_consumer_without_a_listener_cannot_start()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress, builder => builder.AddConsumer("g", consumer => consumer.Configure(options => options.AutoStart = false)));

        var error = await Assert.ThrowsAsync<ConsumerStartException>(() => cluster.Consumer("g").StartAsync());

        Assert.Equal(RocketMQErrorCode.Start, error.Code);
        Assert.Equal(ConsumerState.Stopped, cluster.Consumer("g").State);
    }

    [Fact]
    public async Task Before_the_silo_is_active_and_after_its_stop_nothing_starts()
    {
        using var built = BuiltSilo.Build(builder => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("t")));
        var early = built.Services.GetRequiredService<IRocketMQConsumers>().Get("g");
        await Assert.ThrowsAsync<ConsumerStateException>(() => early.StartAsync());
        await Assert.ThrowsAsync<ConsumerStateException>(() => early.RestartAsync());
        await Assert.ThrowsAsync<ConsumerStateException>(() => early.Subscriptions.SubscribeAsync("a"));
        await early.StopAsync();
        Assert.True(early.Subscriptions.IsSubscribed("t"));

        await using var rocketmq = await TestRocketMQ.StartAsync();
        var cluster = await rocketmq.ConsumeAsync();
        var late = cluster.Consumer(rocketmq.MyGroup);
        await cluster.DisposeAsync();
        await Assert.ThrowsAsync<ConsumerStateException>(() => late.StartAsync());
        Assert.Equal(ConsumerState.Stopped, late.State);
    }

    [Fact]
    public async Task A_group_that_is_not_configured_is_an_error_that_names_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        using var built = BuiltSilo.Build(builder => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("t")));
        var consumers = built.Services.GetRequiredService<IRocketMQConsumers>();

        Assert.Null(consumers.Find("nobody"));
        Assert.Equal("g", Assert.Single(consumers.All).Group);
        Assert.Contains("nobody", Assert.Throws<ConsumerStateException>(() => consumers.Get("nobody")).Message, StringComparison.Ordinal);
    }

    /// <summary>A queue that does nothing but fail to stop.</summary>
    public class FailsToStop : DispatchProxy
    {
        public static readonly MessageQueue Queue = new("broken", "broker", 0);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod! switch
        {
            { Name: nameof(IGroupQueue.StopAsync) } => Task.FromException(new InvalidOperationException("It fails to stop.")),
            { Name: $"get_{nameof(IGroupQueue.Queue)}" } => Queue,
            { ReturnType: { IsValueType: true } type } when type != typeof(void) => Activator.CreateInstance(type),
            _ => null,
        };
    }
}
