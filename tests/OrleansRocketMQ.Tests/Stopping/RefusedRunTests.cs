using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Tests.Infrastructure;
using InProcessSiloHandle = Orleans.TestingHost.InProcessSiloHandle;

namespace OrleansRocketMQ.Tests.Stopping;

/// <summary>Runs that a listener's silo refuses since it stops, while the listener's next activation cannot be made.</summary>
public sealed class RefusedRunTests
{
    [Fact]
    public async Task A_run_that_is_refused_is_returned_once_also_when_the_listeners_next_activation_throws()
    {
        NomadListener.Reset();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            configure =>
            {
                DeclaredListeners.HideIn(configure.Services);
                configure.AddConsumer<NomadListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.RetryInterval = TimeSpan.FromMilliseconds(50);
                }));
            },
            silos: 2);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        await rocketmq.SendAsync(400);
        await Eventually.TrueAsync(() => NomadListener.Deliveries.Count >= 40, "the listeners are at work");

        NomadListener.FailActivations(10);
        await cluster.Silos.StopSiloAsync(cluster.Silos.Silos.Single(silo => !RunsTheQueue(cluster, rocketmq, silo)));
        await rocketmq.UntilCommittedAsync(400);

        // Some may come twice: Orleans forwards a run and breaks its promise. None is missing, and the queue's book is even:
        // a run returned twice leaves both counts below zero for ever.
        Assert.Equal(400, NomadListener.Deliveries.Distinct().Count());
        var queue = cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).Single(queue => queue.Queue.Topic == TestRocketMQ.Topic);
        Assert.Equal((0, 0), (queue.CachedMessages, queue.InFlight));
    }

    /// <summary>Slots whose listener cannot be reached wait themselves: the messages are for those that reach theirs.</summary>
    [Fact]
    public async Task Slots_that_cannot_reach_their_listener_leave_the_messages_to_others()
    {
        HalfReachableListener.Deliveries.Clear();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            configure =>
            {
                DeclaredListeners.HideIn(configure.Services);
                configure.AddConsumer<HalfReachableListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    (options.ConsumeThreadMin, options.ConsumeThreadMax) = (4, 4);

                    // What waits this long is not seen in this test.
                    options.RetryInterval = TimeSpan.FromMinutes(5);
                }));
            });
        await cluster.UntilReadyAsync(rocketmq.MyGroup);

        await rocketmq.SendAsync(200);

        // Each of the two slots that are broken keeps what it took first; a call to a listener this slow has one message.
        await Eventually.TrueAsync(() => HalfReachableListener.Deliveries.Distinct().Count() >= 198, () => $"198 messages; there are {HalfReachableListener.Deliveries.Distinct().Count()}");
    }

    private static bool RunsTheQueue(TestCluster cluster, TestRocketMQ rocketmq, InProcessSiloHandle silo)
        => cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IRocketMQSiloStatus>().Groups
            .Single(status => status.Group == rocketmq.MyGroup).Queues.Any(queue => queue.Queue.Topic == TestRocketMQ.Topic);
}

/// <summary>No stateless worker, so its grains live on any silo; activations fail when told to.</summary>
[Orleans.Placement.RandomPlacement]
public sealed class NomadListener : Grain, IConcurrentListener
{
    private static int _failures;

    public static ConcurrentQueue<string> Deliveries { get; } = new();

    public static void Reset()
    {
        Deliveries.Clear();
        FailActivations(0);
    }

    public static void FailActivations(int times) => Volatile.Write(ref _failures, times);

    public override Task OnActivateAsync(CancellationToken cancellationToken)
        => Interlocked.Decrement(ref _failures) >= 0 ? throw new InvalidOperationException("What the listener needs is away.") : Task.CompletedTask;

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        Deliveries.Enqueue(TestRocketMQ.Text(messages[0]));

        // Long enough that the silo's stop finds calls under way.
        await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        return ConsumeResult.Success;
    }
}

/// <summary>Two of four of its grains cannot be activated.</summary>
public sealed class HalfReachableListener : Grain, IConcurrentListener
{
    public static ConcurrentQueue<string> Deliveries { get; } = new();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
        => this.GetPrimaryKeyString()[^1] is '0' or '1' ? throw new InvalidOperationException("What the listener needs is away.") : Task.CompletedTask;

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
        Deliveries.Enqueue(TestRocketMQ.Text(messages[0]));
        return ConsumeResult.Success;
    }
}
