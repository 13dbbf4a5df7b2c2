using Microsoft.Extensions.Logging.Abstractions;
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
    private const int LoadQueues = 16;
    private const int Silos = 3;

    // Of each of its queues one answer of 32 messages in work and one whose successor has not told the broker yet: every
    // pull tells what is done, and at this load a queue pulls several times a second.
    private static readonly CrashBound Bound = new(
        InFlight: ((LoadQueues + Silos - 1) / Silos) * 2 * 32, LoadedCluster.MessagesPerSecond / (double)Silos, ToldEvery: TimeSpan.FromMilliseconds(250));

    [Fact]
    public async Task A_killed_silo_loses_no_message_and_its_queues_go_on_at_the_others()
    {
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        rocketmq.CreateTopic(SteadyLoad.Topic, LoadQueues);
        await using var primary = await PrimarySilo.StartAsync();
        var address = primary.Address;
        var nodes = new List<NodeProcess>(await Task.WhenAll(Enumerable.Range(0, Silos).Select(_ => NodeProcess.StartAsync(rocketmq.NameServerAddress, Group, address))));
        try
        {
            var log = DeliveryLog.Of(Group);
            await using var load = new SteadyLoad(rocketmq, LoadedCluster.MessagesPerSecond);
            var repeated = 0;
            var start = TimeProvider.System.GetTimestamp();
            for (var kill = 1; kill <= Extent.Kills; kill++)
            {
                // The bound is that of a steady load: a queue that has just moved works off in a moment what had waited for it.
                await UntilSharedOutAsync(log);
                await UntilCaughtUpAsync(rocketmq, log);
                await UntilFlowsAsync(log);
                var killed = TimeProvider.System.GetTimestamp();
                await nodes[0].KillAsync();
                nodes.RemoveAt(0);
                await UntilFlowsAsync(log);
                await UntilCaughtUpAsync(rocketmq, log);
                var after = log.Compare(rocketmq.Brokers, killed);
                output.WriteLine(Bound.Describe(kill, after.Duplicates - repeated, after.LongestPause));

                if (after.Duplicates - repeated > Bound.Most)
                {
                    output.WriteLine(log.DescribeRepeats(killed));
                }

                // What comes twice comes when the queues go on elsewhere, which has happened when all have caught up.
                Assert.InRange(after.Duplicates - repeated, 0, Bound.Most);
                repeated = after.Duplicates;
                nodes.Add(await NodeProcess.StartAsync(rocketmq.NameServerAddress, Group, address));
            }

            await load.StopAsync();
            await UntilCaughtUpAsync(rocketmq, log);
            var outcome = log.Compare(rocketmq.Brokers, start);
            output.WriteLine($"{Extent.Kills} kills: {outcome}");
            output.WriteLine(outcome.Row($"a silo's process killed, {Extent.Kills} times", ConsumeMode.Concurrent, balancedAfter: null));
            Assert.Equal(0, outcome.Lost);
            Assert.Equal(repeated, outcome.Duplicates);
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
        await using var client = PatientClients.Start(rocketmq.NameServerAddress, "127.0.0.1@keyed");
        await using var producer = PatientClients.Producer(client, "keyed_producer");
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

    private static Task UntilSharedOutAsync(DeliveryLog log) => Eventually.TrueAsync(
        () => log.LatestQueues(LoadedCluster.MessagesPerSecond / 2) is { Count: Silos } queues
            && queues.Values.Sum(queue => queue.Length) == LoadQueues
            && queues.Values.All(queue => queue.Length >= LoadQueues / Silos),
        "each silo has its share of the queues, and no queue is on its way");

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
