using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using Orleans.TestingHost;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;
using TestCluster = OrleansRocketMQ.Testing.TestCluster;

namespace OrleansRocketMQ.Tests.Management;

/// <summary>
/// A group is managed by whoever asks: by an Orleans client, by a silo that runs it, by one where it is stopped, and by one
/// that has never heard of it.
/// </summary>
public sealed class FromAnySiloTests
{
    private const int Calls = 20;

    [Fact]
    public async Task A_group_that_one_silo_runs_is_managed_from_all_silos_and_from_a_client()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await StartAsync(rocketmq);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);

        foreach (var (who, grains) in Callers(cluster))
        {
            var management = grains.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
            for (var call = 0; call < Calls; call++)
            {
                var status = await management.GetStatusAsync();
                Assert.Equal((ConsumerGroupState.Running, 1, 4), (status.State, status.ClientIds.Count, status.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic)));
                Assert.Equal(cluster.Silos.Silos[0].SiloAddress.ToParsableString(), Assert.Single(status.Silos).Silo);
                Assert.Empty((await grains.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup).ListAsync()).Letters);
                Assert.Equal(0, (await grains.GetGrain<IParkedMessageGrain>(rocketmq.MyGroup).ResendAsync(null, who)).Sent);
            }

            await management.PauseAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
            await management.ResumeAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
            await management.LimitRateAsync(TestRocketMQ.Topic, 1000);
            Assert.Equal(4, (await management.SeekAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic), SeekTarget.End)).Count);
            await management.ReleaseQueueAsync(rocketmq.Queue(0));
            await management.RestoreSiloAsync(cluster.Silos.Silos[0].SiloAddress.ToParsableString());
            await Assert.ThrowsAsync<RocketMQValidationException>(() => management.DrainSiloAsync("nowhere"));
            await Assert.ThrowsAsync<RocketMQValidationException>(() => management.MoveQueueAsync(rocketmq.Queue(0), "nowhere"));
            await Assert.ThrowsAsync<NotSubscribedException>(() => management.UnsubscribeAsync("returns"));
        }
    }

    [Fact]
    public async Task A_stopped_group_has_a_status_and_dead_letters_and_is_moved_from_all_silos()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await StartAsync(rocketmq);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);
        var byClient = rocketmq.Management(cluster);
        await byClient.LimitRateAsync(TestRocketMQ.Topic, 1000);
        Assert.Equal(2, (await byClient.StopAsync()).Count);

        foreach (var (who, grains) in Callers(cluster))
        {
            var management = grains.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
            for (var call = 0; call < Calls; call++)
            {
                var status = await management.GetStatusAsync();
                Assert.Equal((ConsumerGroupState.Stopped, 1000), (status.State, status.Flow.RateLimits[TestRocketMQ.Topic]));
                Assert.Equal(Enumerable.Range(0, 4).Select(rocketmq.Queue), status.Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic).Select(queue => queue.Queue));
                Assert.All(status.Queues, queue => Assert.Equal((-1, -1, string.Empty), (queue.Watermark, queue.MaxOffset, queue.Silo)));
                Assert.Empty((await grains.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup).ListAsync()).Letters);
                Assert.Equal(0, (await grains.GetGrain<IParkedMessageGrain>(rocketmq.MyGroup).ListAsync()).Total);
            }

            await management.PauseAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
            await management.ResumeAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
            Assert.Equal(4, (await management.SeekAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic), SeekTarget.End)).Count);
            var refused = await Assert.ThrowsAsync<ConsumerStateException>(() => management.ReleaseQueueAsync(rocketmq.Queue(0)));
            Assert.Equal($"The consumer of group '{rocketmq.MyGroup}' is stopped, not running on any silo of the cluster; it cannot release a queue.", refused.Message);
        }

        Assert.Equal(2, (await byClient.StartAsync()).Count);
        await rocketmq.SendAsync(20, first: 20);
        await rocketmq.UntilCommittedAsync(40);
        Assert.Equal(ConsumerGroupState.Running, (await byClient.GetStatusAsync()).State);
    }

    [Fact]
    public async Task A_group_that_goes_on_on_another_silo_is_found_there()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await StartAsync(rocketmq);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        var stranger = Callers(cluster)[^1].Grains.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await stranger.GetStatusAsync();

        await cluster.Consumer(rocketmq.MyGroup, 1).StartAsync();
        await cluster.Consumer(rocketmq.MyGroup, 0).StopAsync();

        Assert.Equal(cluster.Silos.Silos[1].SiloAddress.ToParsableString(), Assert.Single((await stranger.GetStatusAsync()).Silos).Silo);
    }

    [Fact]
    public async Task Who_asks_for_a_group_that_no_silo_has_is_told_so()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await StartAsync(rocketmq);

        foreach (var (who, grains) in Callers(cluster))
        {
            var (nobody, letters, parked) = (
                grains.GetGrain<IConsumerGroupManagementGrain>("nobodys"), grains.GetGrain<IDeadLetterGrain>("nobodys"), grains.GetGrain<IParkedMessageGrain>("nobodys"));
            foreach (var command in new Func<Task>[]
            {
                () => nobody.GetStatusAsync(),
                () => nobody.PauseAsync(ConsumerScope.Everything),
                () => nobody.SeekAsync(ConsumerScope.Everything, SeekTarget.End),
                () => nobody.DrainSiloAsync("a"),
                () => nobody.SubscribeAsync("a"),
                () => letters.ListAsync(),
                () => parked.ResendAsync(null, who),
            })
            {
                var refused = await Assert.ThrowsAsync<ConsumerStateException>(command);
                Assert.Contains("group 'nobodys' is not configured on any silo of the cluster; it cannot", refused.Message, StringComparison.Ordinal);
            }

            Assert.Equal(0, (await parked.ListAsync()).Total);
        }
    }

    [Fact]
    public async Task Who_asks_through_a_silo_without_RocketMQ_is_told_so_in_words()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await StartAsync(rocketmq, silos: 4);
        var without = cluster.Silos.Silos[3];
        var through = cluster.Silos.GetSiloServiceProvider(without.SiloAddress).GetRequiredService<IGrainFactory>().GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);

        foreach (var command in new Func<Task>[]
        {
            () => through.GetStatusAsync(),
            () => through.PauseAsync(ConsumerScope.Everything),
            () => through.DrainSiloAsync("a"),
            () => through.StopAsync(),
        })
        {
            var refused = await Assert.ThrowsAsync<RocketMQException>(command);
            Assert.Equal(RocketMQErrorCode.State, refused.Code);
            Assert.Contains($"cannot be managed through silo {without.SiloAddress.ToParsableString()}, which has no AddRocketMQ()", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_silo_without_RocketMQ_does_not_keep_a_group_from_being_managed_through_the_others()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await StartAsync(rocketmq, silos: 4);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        var management = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[2].SiloAddress).GetRequiredService<IGrainFactory>().GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        Assert.Equal(ConsumerGroupState.Running, (await management.GetStatusAsync()).State);
        Assert.Equal(2, (await management.StopAsync()).Count);
        Assert.Equal(ConsumerGroupState.Stopped, (await management.GetStatusAsync()).State);
        Assert.Equal(2, (await management.StartAsync()).Count);
    }

    /// <summary>Three silos: one runs the group, one has it stopped, one does not know it; a fourth has no RocketMQ at all.</summary>
    private static async Task<TestCluster> StartAsync(TestRocketMQ rocketmq, short silos = 3)
    {
        ScriptedListener.Script(rocketmq.MyGroup, rocketmq.Recorder.Succeed());
        var builder = new InProcessTestClusterBuilder(silos);
        builder.ConfigureSilo((settings, silo) =>
        {
            silo.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning));
            var number = settings.SiloName[^1] - '0';
            if (number == 3)
            {
                return;
            }

            silo.AddRocketMQ(added =>
            {
                DeclaredListeners.HideIn(added.UseNameServer(rocketmq.Embedded.NameServerAddress).Services);
                if (number < 2)
                {
                    added.AddConsumer<ScriptedListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                    {
                        options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                        options.PersistInterval = TimeSpan.FromMilliseconds(20);
                        options.AutoStart = number == 0;
                    }));
                }
            });
        });
        var cluster = new TestCluster(builder.Build());
        await cluster.Silos.DeployAsync();
        return cluster;
    }

    private static IReadOnlyList<(string Who, IGrainFactory Grains)> Callers(TestCluster cluster) =>
    [
        ("client", cluster.Silos.Client),
        .. cluster.Silos.Silos.Select(silo => (silo.Name, cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IGrainFactory>())),
    ];
}
