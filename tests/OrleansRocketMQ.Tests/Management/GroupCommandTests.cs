using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Management;

/// <summary>A group is started, stopped, subscribed and looked at as a whole, by an Orleans client outside its silos.</summary>
public sealed class GroupCommandTests
{
    private const string Second = "returns";

    [Fact]
    public async Task A_group_stops_and_starts_on_all_silos()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        var management = rocketmq.Management(cluster);
        var silos = cluster.Silos.Silos.Select(silo => silo.SiloAddress.ToParsableString()).Order().ToArray();

        Assert.Equal(silos, await management.StopAsync());

        Assert.All([0, 1], silo => Assert.Equal(ConsumerState.Stopped, cluster.Consumer(rocketmq.MyGroup, silo).State));
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
        Assert.Equal(ConsumerGroupState.Stopped, (await management.GetStatusAsync()).State);
        await rocketmq.SendAsync(20);

        Assert.Equal(silos, await management.StartAsync());
        Assert.Equal(silos, await management.StartAsync());
        await rocketmq.UntilCommittedAsync(20);
        Assert.Equal(TestRocketMQ.Numbers(20), rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_stop_tells_that_listeners_did_not_end()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(
            async (_, _, _) =>
            {
                await Task.Delay(TimeSpan.FromSeconds(3), CancellationToken.None);
                return ConsumeResult.Success;
            },
            setUp: options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(100));
        await rocketmq.SendAsync(1);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Sum(queue => queue.InFlight) == 1, "a listener works");

        var stopped = await Assert.ThrowsAsync<ConsumerShutdownException>(() => rocketmq.Management(cluster).StopAsync());

        Assert.Contains(cluster.Silos.Silos[0].SiloAddress.ToParsableString(), stopped.Message, StringComparison.Ordinal);
        Assert.Equal(ConsumerState.Stopped, cluster.Consumer(rocketmq.MyGroup).State);
    }

    [Fact]
    public async Task A_storage_that_never_answers_is_told_and_given_up_and_the_next_command_goes_through()
    {
        var storage = new KeptStorage();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            rocketmq.Recorder.Succeed(),
            setUp: builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Services.AddKeyedSingleton<IGrainStorage>(StateStorage.ProviderName, storage);
            });
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        var management = rocketmq.Management(cluster);
        storage.UnansweredWrites = "flow";

        await Assert.ThrowsAsync<TimeoutException>(() => management.PauseAsync(ConsumerScope.Everything));

        await Eventually.TrueAsync(() => storage.GivenUp == 1, "the storage is told");
        storage.UnansweredWrites = null;
        await management.PauseAsync(ConsumerScope.Everything);
        Assert.Contains(storage.All<GroupSettingsState>().Values, state => state.ToSettings().Flow.Version > 0);
    }

    [Fact]
    public async Task A_group_nobody_has_is_refused_by_name()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        var nobody = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>("nobodys");

        foreach (var command in new Func<Task>[] { nobody.StartAsync, nobody.StopAsync, () => nobody.SubscribeAsync(Second), () => nobody.ReleaseQueueAsync(rocketmq.Queue(0)) })
        {
            var refused = await Assert.ThrowsAsync<ConsumerStateException>(command);
            Assert.Equal(RocketMQErrorCode.State, refused.Code);
            Assert.Contains("nobodys", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Topics_are_subscribed_to_and_given_up_on_all_silos()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        rocketmq.Embedded.CreateTopic(Second, 2);
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        var management = rocketmq.Management(cluster);

        await management.SubscribeAsync(Second, MessageSelector.ByTag("a || b"));
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup).Sum(Queues) == 2, "the new topic is consumed");
        var conflict = await Assert.ThrowsAsync<SubscriptionConflictException>(() => management.SubscribeAsync(Second, MessageSelector.ByTag("c")));
        Assert.Equal(RocketMQErrorCode.SubscriptionConflict, conflict.Code);

        await management.UnsubscribeAsync(Second);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup).Sum(Queues) == 0, "the topic is given up");
        await Assert.ThrowsAsync<NotSubscribedException>(() => management.UnsubscribeAsync(Second));

        static int Queues(OrleansRocketMQ.Statistics.SiloGroupStatus silo) => silo.Queues.Count(queue => queue.Queue.Topic == Second && queue.NextPullOffset >= 0);
    }

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.Orderly)]
    [InlineData(Mode.KeyOrdered)]
    public async Task The_slowest_message_of_a_queue_and_its_age_are_told(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var goOn = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            mode,
            messages => messages.Any(message => message.QueueOffset == 2) ? goOn.Task : Task.CompletedTask,
            configure: options => options.ConsumeBatchSize = 1);
        await rocketmq.SendAsync(4, prepare: message => message.ShardingKey = $"key {message.Body.Span[^1]}");
        var management = rocketmq.Management(cluster);

        // A run may begin with messages before the slow one, in order or not; where the listener is far away it is told by its first.
        await Eventually.TrueAsync(
            async () => (await QueueAsync()).Slowest is { } slowest && slowest.Age > TimeSpan.FromMilliseconds(300) && (mode == Mode.Orderly ? slowest.Offset <= 2 : slowest.Offset == 2),
            "the slow message is told");
        var status = await QueueAsync();
        Assert.Equal(status.Slowest!.MessageId, rocketmq.Broker.Messages(TestRocketMQ.Topic)[(int)status.Slowest.Offset].MessageId);
        Assert.InRange(status.InFlight, 1, 4);
        goOn.SetResult();

        await rocketmq.UntilCommittedAsync(4);
        Assert.Null((await QueueAsync()).Slowest);

        async Task<QueueStatus> QueueAsync() => (await management.GetStatusAsync()).Queues.Single(queue => queue.Queue == rocketmq.Queue(0));
    }
}
