using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Tests.Infrastructure;
using InProcessSiloHandle = Orleans.TestingHost.InProcessSiloHandle;

namespace OrleansRocketMQ.Tests.Stopping;

/// <summary>Listener grains of one silo that work for queues of another, when their silo stops.</summary>
public sealed class FarListenerTests
{
    [Fact]
    public async Task What_a_keys_grain_consumes_while_its_silo_stops_counts_at_the_queues_silo()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var deliveries = new ConcurrentQueue<string>();
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            async (_, messages, _, cancellationToken) =>
            {
                deliveries.Enqueue(TestRocketMQ.Text(messages[0]));

                // Long enough that the silo's stop finds calls under way, whenever it comes.
                await Task.Delay(TimeSpan.FromMilliseconds(300), cancellationToken);
                return ConsumeResult.Success;
            },
            silos: 2,
            setUp: builder => DeclaredListeners.HideIn(builder.Services));
        foreach (var number in Enumerable.Range(0, 300))
        {
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, Encoding.UTF8.GetBytes($"{number}")) { ShardingKey = $"key-{number % 50}" });
        }

        await Eventually.TrueAsync(() => deliveries.Count > 60, () => $"60 deliveries; there are {deliveries.Count}");

        await cluster.Silos.StopSiloAsync(cluster.Silos.Silos.Single(silo => !RunsTheQueue(cluster, rocketmq, silo)));

        await rocketmq.UntilCommittedAsync(300);
        Assert.Equal(300, deliveries.Distinct().Count());
        Assert.Equal(300, deliveries.Count);
    }

    private static bool RunsTheQueue(TestCluster cluster, TestRocketMQ rocketmq, InProcessSiloHandle silo)
        => cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IRocketMQSiloStatus>().Groups
            .Single(status => status.Group == rocketmq.MyGroup).Queues.Any(queue => queue.Queue.Topic == TestRocketMQ.Topic);
}
