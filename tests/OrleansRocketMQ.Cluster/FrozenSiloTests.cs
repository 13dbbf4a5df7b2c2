using System.Collections.Concurrent;
using OrleansRocketMQ.Cluster.Load;
using OrleansRocketMQ.Cluster.Processes;
using OrleansRocketMQ.Embedded;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Cluster;

/// <summary>A silo's process stands still until the others have declared it dead and taken its queues; then it goes on.</summary>
public sealed class FrozenSiloTests(ITestOutputHelper output)
{
    private const string Group = "frozen";
    private const int Queues = 16;

    [Fact]
    public async Task A_silo_that_wakes_after_it_was_declared_dead_neither_works_on_nor_sets_offsets_back()
    {
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        rocketmq.CreateTopic(SteadyLoad.Topic, Queues);
        await using var primary = await PrimarySilo.StartAsync();
        await using var frozen = await NodeProcess.StartAsync(rocketmq.NameServerAddress, Group, primary.Address);
        await using var other = await NodeProcess.StartAsync(rocketmq.NameServerAddress, Group, primary.Address);
        var log = DeliveryLog.Of(Group);
        await using var load = new SteadyLoad(rocketmq, LoadedCluster.MessagesPerSecond);
        await Eventually.TrueAsync(
            () => log.From(frozen.Name).Count > 5000 && log.From(other.Name).Count > 5000, "both silos consume");

        await frozen.FreezeAsync();
        var queues = log.From(frozen.Name).Select(message => message.QueueId).Intersect(Enumerable.Range(0, Queues)).ToHashSet();
        await Eventually.TrueAsync(
            () => queues.IsSubsetOf(log.From(other.Name).Select(message => message.QueueId)), "the other silo has all queues");
        await using var offsets = new FallingOffsets(() => Enumerable.Range(0, Queues).Select(queue => rocketmq.Broker.CommittedOffset(Group, SteadyLoad.Topic, queue) ?? 0));
        var before = log.From(frozen.Name).Count;
        await frozen.ThawAsync();
        await frozen.UntilEndedAsync();
        var after = log.From(frozen.Name).Count - before;

        await load.StopAsync();
        await Eventually.TrueAsync(
            () => Enumerable.Range(0, Queues).All(queue => rocketmq.Broker.CommittedOffset(Group, SteadyLoad.Topic, queue) == rocketmq.Broker.MaxOffset(SteadyLoad.Topic, queue)),
            () => $"everything is committed; {log.Compare(rocketmq.Brokers)}");
        var outcome = log.Compare(rocketmq.Brokers);
        output.WriteLine($"frozen silo gave its listener {after} messages after it woke; {outcome}");
        Assert.Equal(0, outcome.Lost);
        Assert.Empty(offsets.Falls);

        // What its listeners had, and at most one more run each before the fence is seen to be closed.
        Assert.InRange(after, 0, Queues * 32 * 2);
    }

    /// <summary>Looks all the time whether an offset falls.</summary>
    private sealed class FallingOffsets : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stopping = new();
        private readonly ConcurrentQueue<string> _falls = new();
        private readonly Task _watching;

        public FallingOffsets(Func<IEnumerable<long>> read) => _watching = Task.Run(() => WatchAsync(read));

        public IReadOnlyCollection<string> Falls => _falls;

        public async ValueTask DisposeAsync()
        {
            await _stopping.CancelAsync();
            await _watching;
            _stopping.Dispose();
        }

        private async Task WatchAsync(Func<IEnumerable<long>> read)
        {
            var last = read().ToArray();
            while (!_stopping.IsCancellationRequested)
            {
                var now = read().ToArray();
                for (var queue = 0; queue < now.Length; queue++)
                {
                    if (now[queue] < last[queue])
                    {
                        _falls.Enqueue($"queue {queue} from {last[queue]} to {now[queue]}");
                    }
                }

                last = now;
                await Task.Delay(1);
            }
        }
    }
}
