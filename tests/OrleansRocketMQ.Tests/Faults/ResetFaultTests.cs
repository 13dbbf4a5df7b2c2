using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Tests.Fencing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>A broker tells of a reset once. Whatever happens to the queue while it moves there, the reset holds.</summary>
public sealed class ResetFaultTests : IDisposable
{
    private readonly FaultyMembership.Switch _membership = new();
    private readonly WarningLog _log = new();
    private readonly TaskCompletionSource _goOn = new();
    private readonly TaskCompletionSource _begun = new();
    private CancellationToken _stopped;
    private int _held;

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task A_fence_that_closes_while_a_reset_waits_for_listeners_holds_the_queue_no_longer_than_it_is_closed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq, heldFrom: 0, membershipTimeout: TimeSpan.FromSeconds(4));
        await rocketmq.SendAsync(31);
        await UntilHeldAsync(cluster, rocketmq);

        await ResetAsync(rocketmq);
        _membership.IsAway = true;
        await Eventually.TrueAsync(() => Pump(cluster, rocketmq).Runs.Gate.IsFenced, "the queue is fenced off");
        _goOn.SetResult();
        await Eventually.TrueAsync(() => Pump(cluster, rocketmq).InFlight == 0, "the listener has ended");
        _membership.IsAway = false;

        await rocketmq.UntilAllCameAsync(31);
        await rocketmq.UntilCommittedAsync(31);
        Assert.Equal(string.Empty, cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic).LastError);
    }

    [Fact]
    public async Task A_reset_outlives_a_stop_that_comes_while_listeners_are_at_work()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var cluster = await ConsumeAsync(rocketmq, heldFrom: 10);
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        await rocketmq.SendAsync(20, first: 10);
        await UntilHeldAsync(cluster, rocketmq);

        await ResetAsync(rocketmq);
        var stopping = cluster.DisposeAsync().AsTask();
        await Eventually.TrueAsync(() => _stopped.IsCancellationRequested, "the queue stops");
        _goOn.SetResult();
        await stopping;

        Assert.Equal(0, rocketmq.Committed());
    }

    [Fact]
    public async Task A_reset_goes_along_with_a_queue_that_moves_while_listeners_are_at_work()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq, heldFrom: 10, silos: 2);
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        await rocketmq.SendAsync(20, first: 10);
        await UntilHeldAsync(cluster, rocketmq);

        await ResetAsync(rocketmq);
        var owner = cluster.Silos.Silos.First(silo => PumpOn(cluster, rocketmq, silo.SiloAddress) is not null);
        var stopping = cluster.Silos.StopSiloAsync(owner);
        await Eventually.TrueAsync(() => _stopped.IsCancellationRequested, "the queue stops");
        _goOn.SetResult();
        await stopping;

        await Eventually.TrueAsync(() => rocketmq.Recorder.Bodies.Count(body => body == "0") == 2, "the first message comes again");
        await rocketmq.UntilAllCameAsync(30);
        await rocketmq.UntilCommittedAsync(30);
    }

    [Fact]
    public async Task What_listeners_end_while_a_reset_waits_for_them_does_not_push_the_offset_forward()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var last = new TaskCompletionSource();
        await using var cluster = await ConsumeAsync(rocketmq, heldFrom: 10, threads: 2, last: last.Task);
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);
        await rocketmq.SendAsync(20, first: 10);
        await UntilHeldAsync(cluster, rocketmq);
        await Eventually.TrueAsync(() => Volatile.Read(ref _held) == 2, "two are in work");

        await ResetAsync(rocketmq);
        await Eventually.TrueAsync(() => Pump(cluster, rocketmq).State.Task == QueueTask.WaitForListeners, "only listeners are waited for");
        _goOn.SetResult();
        await Eventually.TrueAsync(() => Pump(cluster, rocketmq).Runs.InFlight == 1, "one has ended");
        await Management.ModesOfConsuming.StaysAsync(() => rocketmq.Committed() == 0);
        last.SetResult();

        await rocketmq.UntilAllCameAsync(30);
        await rocketmq.UntilCommittedAsync(30);
    }

    /// <summary>A listener that holds messages from an offset on: all until they may go on, the second it gets even longer.</summary>
    private async Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, long heldFrom, short silos = 1, int threads = 1, Task? last = null, TimeSpan? membershipTimeout = null)
    {
        var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                var offset = messages[0].QueueOffset;
                if (offset >= heldFrom)
                {
                    _begun.TrySetResult();
                    var isSecond = Interlocked.Increment(ref _held) == 2;
                    await _goOn.Task;
                    await (isSecond && last is not null ? last : Task.CompletedTask);
                }

                return ConsumeResult.Success;
            },
            options =>
            {
                (options.ConsumeThreadMin, options.ConsumeThreadMax, options.ConsumeBatchSize) = (threads, threads, 1);
                options.PullSuspendTimeout = TimeSpan.FromMilliseconds(100);
            },
            silos,
            prepare: builder =>
            {
                // A fence that closes on a busy machine would break off the pull that brings the reset.
                builder.Configure(options => options.MembershipTimeout = membershipTimeout ?? options.MembershipTimeout);
                builder.Services.AddSingleton<ILoggerProvider>(_log);
                FaultyMembership.Install(builder.Services, _membership);
            });
        return cluster;
    }

    private async Task UntilHeldAsync(TestCluster cluster, TestRocketMQ rocketmq)
    {
        await _begun.Task.WaitAsync(Eventually.Deadline);
        await Eventually.TrueAsync(() => Pump(cluster, rocketmq) is { InFlight: > 0, Runs.Window.Count: > 10 }, "one is in work, others wait");
        _stopped = Pump(cluster, rocketmq).Stopping;
    }

    /// <summary>The broker resets the queue, and the queue has heard of it.</summary>
    private async Task ResetAsync(TestRocketMQ rocketmq)
    {
        await rocketmq.ResetAsync();
        await Eventually.TrueAsync(() => _log.Lines.Any(line => line.Contains("as the broker demands", StringComparison.Ordinal)), "the queue has heard of the reset");
    }

    private static QueuePump Pump(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.Silos.Silos.Select(silo => PumpOn(cluster, rocketmq, silo.SiloAddress)).First(pump => pump is not null)!;

    private static QueuePump? PumpOn(TestCluster cluster, TestRocketMQ rocketmq, Orleans.Runtime.SiloAddress silo)
        => cluster.Silos.GetSiloServiceProvider(silo).GetRequiredService<ConsumerRegistry>()
            .Find(rocketmq.MyGroup)?.Pumps.GetValueOrDefault(new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0)) as QueuePump;
}
