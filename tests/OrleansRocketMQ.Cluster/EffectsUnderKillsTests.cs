using OrleansRocketMQ.Cluster.Load;
using OrleansRocketMQ.Cluster.Processes;
using OrleansRocketMQ.Embedded;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Cluster;

/// <summary>Grains whose state follows from messages, on silos that are killed under load.</summary>
public sealed class EffectsUnderKillsTests(ITestOutputHelper output)
{
    private const string Group = "effects";
    private const int Keys = 20;
    private const int Silos = 2;

    [Fact]
    public async Task Each_message_has_its_effect_and_is_told_of_once_though_silos_are_killed_and_deliveries_repeat()
    {
        using var folder = new TestFolder();
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        rocketmq.CreateTopic(SteadyLoad.Topic, 8);
        rocketmq.CreateTopic(SentEffects.Topic, 4);
        await using var primary = await PrimarySilo.StartAsync();
        string[] words = ["effects", $"state={folder.Path}"];
        Task<NodeProcess> StartAsync() => NodeProcess.StartAsync(rocketmq.NameServerAddress, Group, primary.Address, successes: null, words);
        var nodes = new List<NodeProcess>(await Task.WhenAll(Enumerable.Range(0, Silos).Select(_ => StartAsync())));
        try
        {
            var log = DeliveryLog.Of(Group);
            await using var load = new KeyedLoad(rocketmq.NameServerAddress, Keys);
            for (var kill = 1; kill <= Extent.KillsOfEffects; kill++)
            {
                var flowing = log.Count + (2 * Keys);
                await Eventually.TrueAsync(() => log.Count >= flowing, () => $"{flowing} deliveries; there are {log.Count}");
                await nodes[0].KillAsync();
                nodes.RemoveAt(0);
                nodes.Add(await StartAsync());
            }

            await load.StopAsync();
            var sent = load.Sent;
            await Eventually.TrueAsync(
                () => StoredCounts.Of(folder.Path).Values.Sum(counts => counts.Applied) >= sent.Values.Sum(),
                () => $"{sent.Values.Sum()} effects; there are {StoredCounts.Of(folder.Path).Values.Sum(counts => counts.Applied)}");
            output.WriteLine($"{Extent.KillsOfEffects} kills, {Keys} keys: {sent.Values.Sum()} messages, {log.Count} deliveries, {log.Count - sent.Values.Sum()} of them again");
            var stored = StoredCounts.Of(folder.Path);
            Assert.Equal(Keys, stored.Count);
            Assert.All(sent, key => Assert.Equal(new StoredCounts(key.Value, Wrong: 0), stored[key.Key]));

            // Those of the grains whose silo was killed come by the sweeper.
            var effects = await SentEffects.ReadAsync(rocketmq);
            await Eventually.TrueAsync(
                async () => (effects = await SentEffects.ReadAsync(rocketmq)).Counts.Values.Sum() >= sent.Values.Sum(),
                () => $"{sent.Values.Sum()} messages sent; there are {effects.Counts.Values.Sum()}");
            output.WriteLine($"{effects.Counts.Values.Sum()} messages sent because of them, {effects.Again} once more under the same id");
            Assert.Empty(effects.Wrong);
            Assert.Equal(sent.OrderBy(key => key.Key), effects.Counts.OrderBy(key => key.Key));
        }
        finally
        {
            await Task.WhenAll(nodes.Select(node => node.DisposeAsync().AsTask()));
        }
    }}
