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
        var story = new ConcurrentQueue<string>();
        var start = TimeProvider.System.GetTimestamp();
        void Tell(string what) => story.Enqueue($"{TimeProvider.System.GetElapsedTime(start).TotalMilliseconds:F0} ms {what}");
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            async (key, messages, _, cancellationToken) =>
            {
                var text = TestRocketMQ.Text(messages[0]);
                deliveries.Enqueue(text);
                Tell($"{text} of {key} begins");

                // Long enough that the silo's stop finds calls under way, whenever it comes.
                await using var broken = cancellationToken.Register(() => Tell($"{text} is broken off"));
                await Task.Delay(TimeSpan.FromMilliseconds(300), cancellationToken);
                Tell($"{text} ends");
                return ConsumeResult.Success;
            },
            silos: 2,
            setUp: builder => DeclaredListeners.HideIn(builder.Services));
        foreach (var number in Enumerable.Range(0, 300))
        {
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, Encoding.UTF8.GetBytes($"{number}")) { ShardingKey = $"key-{number % 50}" });
        }

        await Eventually.TrueAsync(() => deliveries.Count > 60, () => $"60 deliveries; there are {deliveries.Count}");

        Tell("the stop begins");
        await cluster.Silos.StopSiloAsync(cluster.Silos.Silos.Single(silo => !RunsTheQueue(cluster, rocketmq, silo)));

        Tell("the silo has stopped");
        await rocketmq.UntilCommittedAsync(300);
        Assert.Equal(300, deliveries.Distinct().Count());
        Assert.True(deliveries.Count == 300, $"{deliveries.Count} deliveries of 300:{Environment.NewLine}{Story(deliveries, story)}");
    }

    /// <summary>What happened to messages that came twice, and to the silo.</summary>
    private static string Story(IEnumerable<string> deliveries, IEnumerable<string> story)
    {
        var twice = deliveries.GroupBy(text => text).Where(times => times.Skip(1).Any()).Select(times => times.Key).ToHashSet();
        return string.Join(Environment.NewLine, story.Where(line => line.Contains(" the ") || twice.Contains(line.Split(' ')[2])));
    }

    private static bool RunsTheQueue(TestCluster cluster, TestRocketMQ rocketmq, InProcessSiloHandle silo)
        => cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IRocketMQSiloStatus>().Groups
            .Single(status => status.Group == rocketmq.MyGroup).Queues.Any(queue => queue.Queue.Topic == TestRocketMQ.Topic);
}
