using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Cluster.Load;
using OrleansRocketMQ.Cluster.Processes;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Cluster;

/// <summary>Silos in processes of their own that are killed without warning, under load.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const string Group = "crashing";
    private const int Kills = 3;

    [Fact]
    public async Task A_killed_silo_loses_no_message_and_its_queues_go_on_at_the_others()
    {
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        rocketmq.CreateTopic(SteadyLoad.Topic, 16);
        await using var primary = await PrimarySilo.StartAsync();
        var address = primary.Address;
        var nodes = new List<NodeProcess>(await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => NodeProcess.StartAsync(rocketmq.NameServerAddress, Group, address))));
        try
        {
            var log = DeliveryLog.Of(Group);
            await using var load = new SteadyLoad(rocketmq, LoadedCluster.MessagesPerSecond);
            await UntilFlowsAsync(log);
            for (var kill = 0; kill < Kills; kill++)
            {
                var before = log.Compare(rocketmq.Brokers).Duplicates;
                await nodes[0].KillAsync();
                nodes.RemoveAt(0);
                await UntilFlowsAsync(log);
                await UntilCaughtUpAsync(rocketmq, log);
                var after = log.Compare(rocketmq.Brokers);
                output.WriteLine($"kill {kill + 1}: {after.Duplicates - before} duplicates, longest pause so far {after.LongestPause.TotalMilliseconds:F0} ms");
                nodes.Add(await NodeProcess.StartAsync(rocketmq.NameServerAddress, Group, address));
                await UntilFlowsAsync(log);
            }

            await load.StopAsync();
            await UntilCaughtUpAsync(rocketmq, log);
            var outcome = log.Compare(rocketmq.Brokers);
            output.WriteLine($"{Kills} kills: {outcome}");
            Assert.Equal(0, outcome.Lost);

            // What can come twice at a kill: what was done since the last pull told how far its queue was, and what was in work.
            Assert.InRange(outcome.Duplicates, 0, Kills * 16 * 32 * 2);
        }
        finally
        {
            await Task.WhenAll(nodes.Select(node => node.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task Keys_keep_their_order_over_a_killed_silo_and_lose_nothing()
    {
        const string KeyedGroup = "crashing_keyed";
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        rocketmq.CreateTopic(SteadyLoad.Topic, 8);
        await using var primary = await PrimarySilo.StartAsync();
        var address = primary.Address;
        var successes = new KeySuccesses();
        var keys = Enumerable.Range(0, 1000).Select(number => $"key-{number}").ToArray();
        var nodes = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => NodeProcess.StartAsync(rocketmq.NameServerAddress, KeyedGroup, address, successes)));
        await using var client = new RocketMQClient(
            new RocketMQClientOptions { NameServerAddresses = [rocketmq.NameServerAddress], ClientId = "127.0.0.1@keyed" }, NullLoggerFactory.Instance);
        client.Start();
        await using var producer = new Producer(client, new ProducerOptions { Group = "keyed_producer" }, NullLoggerFactory.Instance);
        try
        {
            var sending = KeyHistory.SendAsync(producer, SteadyLoad.Topic, keys, first: 0, count: 10);
            await Eventually.TrueAsync(() => successes.Count > 2000, () => $"2000 successes; there are {successes.Count}");
            await nodes[0].KillAsync();
            await sending;
            await Eventually.TrueAsync(() => successes.Count == 10_000, () => $"10000 successes; there are {successes.Count}");
            var history = new KeyHistory(repeatsAllowed: true);
            successes.Replay(history);
            output.WriteLine($"{history.Repeats} repeats");
            Assert.Null(history.Violation);

            // At most what the queues' windows held.
            Assert.InRange(history.Repeats, 0, 8 * 2000);
        }
        finally
        {
            await Task.WhenAll(nodes.Select(node => node.DisposeAsync().AsTask()));
        }
    }

    private static Task UntilFlowsAsync(DeliveryLog log)
    {
        var target = log.Count + LoadedCluster.MessagesPerSecond;
        return Eventually.TrueAsync(() => log.Count >= target, () => $"{target} deliveries; there are {log.Count}");
    }

    private static Task UntilCaughtUpAsync(EmbeddedRocketMQ rocketmq, DeliveryLog log)
    {
        var ends = Enumerable.Range(0, 16).ToDictionary(queue => queue, queue => rocketmq.Broker.MaxOffset(SteadyLoad.Topic, queue));
        return Eventually.TrueAsync(
            () => log.CountIn(ends) == ends.Values.Sum(), () => $"all {ends.Values.Sum()} messages stored by now are consumed; {log.CountIn(ends)} are");
    }
}
