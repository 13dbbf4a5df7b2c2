using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;

namespace OrleansRocketMQ.Tests.Stopping;

/// <summary>A silo is told to stop while it is giving queues to one that has just joined, and a listener is slow.</summary>
public sealed class StopDuringReleasesTests
{
    private static readonly TimeSpan ForListeners = TimeSpan.FromSeconds(4);

    // On a busy machine what is not a wait takes long, too. Each part with a time of its own would take this again.
    private static readonly TimeSpan Budget = ForListeners + StopDeadline.Rest + TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.Orderly)]
    [InlineData(Mode.KeyOrdered)]
    public async Task A_stop_that_finds_releases_under_way_ends_within_its_time_and_what_could_be_finished_is(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        var (may, never, begun, hung) = (new TaskCompletionSource(), new TaskCompletionSource(), new ConcurrentDictionary<string, bool>(), new ConcurrentDictionary<string, bool>());
        await using var cluster = await rocketmq.ConsumeAsync(
            mode,
            async (messages, _) =>
            {
                var text = TestRocketMQ.Text(messages[0]);
                var isFirst = begun.TryAdd(text, true);
                await may.Task;

                // Two never end at their first silo, whatever their token says: one of a queue that is released, one of another.
                if (isFirst && hung.ContainsKey(text))
                {
                    await never.Task;
                }
            },
            silos: 1,
            configure: null,
            setUp: options => options.ShutdownTimeout = ForListeners);
        await rocketmq.SendAsync(8, prepare: message => message.ShardingKey = Guid.NewGuid().ToString());
        await Eventually.TrueAsync(() => begun.Count == 8, () => $"each queue's listener is at work; {begun.Count} are");
        var first = cluster.Silos.Silos[0];
        var services = cluster.Silos.GetSiloServiceProvider(first.SiloAddress);
        var pumps = services.GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!.Pumps.Values.Where(pump => pump.Queue.Topic == TestRocketMQ.Topic).ToArray();
        await cluster.Silos.StartAdditionalSiloAsync();
        await Eventually.TrueAsync(() => Releasing(pumps).Length == 4, () => $"four queues are being released; {Releasing(pumps).Length} are");
        var (released, kept) = (Releasing(pumps)[0], pumps.Except(Releasing(pumps)).First());
        hung[BodyOf(rocketmq, released)] = hung[BodyOf(rocketmq, kept)] = true;

        var began = TimeProvider.System.GetTimestamp();
        var stopping = services.GetRequiredService<RocketMQSilo>().DrainAsync(CancellationToken.None);
        await Eventually.TrueAsync(() => pumps.All(pump => pump.Stopping.IsCancellationRequested), "all queues stop");
        may.SetResult();
        await stopping.WaitAsync(Eventually.Deadline);

        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, Budget);
        Assert.All(pumps, pump => Assert.True(pump.IsStopped));

        // A key's next call waits for the one that hangs as long as its silo is there.
        await cluster.Silos.StopSiloAsync(first);
        await rocketmq.UntilCommittedAsync(8);
        Assert.All(
            rocketmq.Recorder.Bodies.CountBy(body => body),
            came => Assert.True(came.Value == 1, $"{came.Key} came {came.Value} times, though its listener had ended in time"));
        Assert.Equal(8, rocketmq.Recorder.Bodies.Distinct().Count());
        never.SetResult();
    }

    private static IGroupQueue[] Releasing(IGroupQueue[] pumps) => [.. pumps.Where(pump => pump.Stopping.IsCancellationRequested)];

    private static string BodyOf(TestRocketMQ rocketmq, IGroupQueue pump) => TestRocketMQ.Text(rocketmq.Broker.Messages(TestRocketMQ.Topic, pump.Queue.QueueId).Single());
}
