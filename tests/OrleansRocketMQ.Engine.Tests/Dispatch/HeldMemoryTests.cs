using System.Runtime.CompilerServices;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>
/// Memory that is counted is memory that is held (finding M7): the silo is charged with a pull until its last message is done,
/// wherever a dispatcher has that, and keeps nothing of a pull it is not charged with, although both were handed out together.
/// </summary>
public sealed class HeldMemoryTests
{
    private const int PerPull = 4;

    private readonly DispatchLab _lab = new();

    [Fact]
    public void A_parked_message_keeps_its_own_pull_charged_and_in_memory_and_no_other()
    {
        _lab.Options.PoisonHandling = PoisonHandling.Park;
        var queue = Taught(_lab.Orderly());
        var (done, parked) = (Pull(queue, key: "good"), Pull(queue, key: "bad"));
        _lab.Listeners.ConsumeInOrder = static (call, _) => Task.FromResult(FailedFrom(call, "bad"));

        _lab.Signal(_dispatcher, queue);

        // The first message of the key failed, and those behind it joined it.
        Assert.Equal([PerPull * 2], _lab.Listeners.Calls.Select(call => call.Offsets.Length));
        Assert.Equal((long)PerPull, queue.Budgets.Group.Used);
        AssertKept(queue, done, parked);
        Succeed();
        _lab.World.Wait(1.1);
        Assert.Equal(0, queue.Budgets.SiloBytes.Used);
    }

    [Fact]
    public void A_queue_that_blocks_keeps_nothing_of_what_was_done_before_in_the_same_run()
    {
        var queue = Taught(_lab.Orderly());
        var (done, blocked) = (Pull(queue, key: "good"), Pull(queue, key: "bad"));
        _lab.Listeners.ConsumeInOrder = static (call, _) => Task.FromResult(FailedFrom(call, "bad"));

        _lab.Signal(_dispatcher, queue);

        Assert.Equal((long)PerPull, queue.Budgets.Group.Used);
        AssertKept(queue, done, blocked);
    }

    [Fact]
    public void What_was_taken_back_from_behind_a_slow_message_does_not_stay_with_it()
    {
        var queue = Taught(_lab.Concurrent());
        var (slow, done) = (Pull(queue), Pull(queue));
        var first = true;
        var never = new TaskCompletionSource<ListenerOutcome>();
        _lab.Listeners.Consume = (_, call, _) =>
        {
            if (!first)
            {
                return FakeListeners.Succeed(call);
            }

            first = false;
            Assert.Equal(PerPull * 2, call.Messages.Count);
            Assert.True(call.Share!.TryClaim(1));
            Kept = call;
            return never.Task;
        };
        _lab.Signal(_dispatcher, queue);

        _lab.World.Wait(0.1);

        Assert.Equal(1, queue.Budgets.Group.Used);
        AssertKept(queue, done, slow);
        Assert.NotNull(Kept.Messages[0]);
    }

    [Fact]
    public void What_no_broker_takes_back_keeps_its_own_pull_and_no_other()
    {
        _lab.Options.MaxRetryTimes = 100;
        var queue = Taught(_lab.Concurrent());
        var (done, failed) = (Pull(queue), Pull(queue));
        _lab.Listeners.Consume = static (_, call, _) => Task.FromResult(new ListenerOutcome(
            call.Messages.Count, TimeSpan.Zero, [new FailedMessage(call.Messages.Count - 1, 0, "bad", ErrorTypes.ReconsumeLater)]));
        _lab.Brokers.Faults["sendback"] = static () => new BrokerNotAvailableException("away");
        _lab.Brokers.Faults["copy"] = static () => new BrokerNotAvailableException("away");

        _lab.Signal(_dispatcher, queue);

        Assert.Equal(1, queue.Budgets.Group.Used);
        AssertKept(queue, done, failed);
    }

    /// <summary>It waits for as long as somebody has paused the queue.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_listener_had_no_time_for_keeps_its_own_pull_and_no_other(bool inOrder)
    {
        var queue = Taught(inOrder ? _lab.Orderly() : _lab.Concurrent());
        var (done, left) = (Pull(queue), Pull(queue));
        Pause(queue);

        _lab.Signal(_dispatcher, queue);

        Assert.Equal((long)PerPull, queue.Budgets.Group.Used);
        AssertKept(queue, done, left);
    }

    [Fact]
    public void A_key_that_waits_keeps_its_own_pull_and_no_other()
    {
        var queue = Taught(_lab.Keyed());
        var (done, failed) = (Pull(queue, key: "good"), Pull(queue, key: "bad"));
        _lab.Listeners.Consume = static (key, call, _) => key == "bad"
            ? Task.FromResult(new ListenerOutcome(1, TimeSpan.Zero, [new FailedMessage(0, 0, "bad", ErrorTypes.ReconsumeLater)]))
            : FakeListeners.Succeed(call);

        _lab.Signal(_dispatcher, queue);

        Assert.Equal((long)PerPull, queue.Budgets.Group.Used);
        AssertKept(queue, done, failed);
    }

    private IQueueDispatcher _dispatcher = null!;

    /// <summary>What a listener has that does not end.</summary>
    private ListenerCall Kept { get; set; }

    /// <summary>Consumes what is no more than the name of the message says.</summary>
    private static OrderlyOutcome FailedFrom(in OrderlyCall call, string key)
    {
        var good = call.Messages.TakeWhile(message => message.ShardingKey != key).Count();
        return good == call.Messages.Count
            ? new(good, good, null, good, TimeSpan.Zero)
            : new(good, good, new(1, IsRollback: false, Pause: null, AutoCommit: true, "bad", ErrorTypes.SuspendCurrentQueue), good + 1, TimeSpan.Zero);
    }

    /// <summary>The next call ends early, and the queue is paused meanwhile.</summary>
    private void Pause(FakeQueue queue)
    {
        _lab.Listeners.Consume = (_, _, _) =>
        {
            queue.Runs.Gate.Set(paused: true, rate: null);
            return Task.FromResult(new ListenerOutcome(PerPull, TimeSpan.Zero, null));
        };
        _lab.Listeners.ConsumeInOrder = (_, _) =>
        {
            queue.Runs.Gate.Set(paused: true, rate: null);
            return Task.FromResult(new OrderlyOutcome(PerPull, PerPull, null, PerPull, TimeSpan.Zero));
        };
    }

    private void Succeed() => _lab.Listeners.ConsumeInOrder = static (call, _) => FakeListeners.Succeed(call);

    /// <summary>A queue whose listener is known to be fast, so that a run takes messages of several pulls.</summary>
    private FakeQueue Taught(IQueueDispatcher dispatcher)
    {
        _dispatcher = dispatcher;
        _lab.Options.ConsumeBatchSize = 1;
        var queue = _lab.Queue();
        _lab.Listeners.Consume = static (_, call, _) => Task.FromResult(new ListenerOutcome(call.Messages.Count, TimeSpan.Zero, null));
        _lab.Listeners.ConsumeInOrder = static (call, _) => Task.FromResult(
            new OrderlyOutcome(call.Messages.Count, call.Messages.Count, null, call.Messages.Count, TimeSpan.Zero));
        for (var run = 0; run < 20; run++)
        {
            queue.Add("warm", "warm", "warm", "warm");
            _lab.Signal(dispatcher, queue);
        }

        Assert.Equal(0, queue.Budgets.Group.Used);
        _lab.Listeners.Calls.Clear();
        return queue;
    }

    // Of its own method: what it has in its hands is nobody's when it ends.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Bytes, long Length) Pull(FakeQueue queue, string? key = null)
    {
        var bytes = Enumerable.Range(0, PerPull)
            .SelectMany(index => TestMessages.At(queue.Next + index, bodyLength: 100, shardingKey: key).Record.ToArray()).ToArray();
        queue.Add([.. MessageDecoder.DecodeAll(bytes, "broker-a")]);
        return (new WeakReference(bytes), bytes.Length);
    }

    private void AssertKept(FakeQueue queue, (WeakReference Bytes, long Length) done, (WeakReference Bytes, long Length) kept)
    {
        Assert.Equal(kept.Length, queue.Budgets.SiloBytes.Used);
        _lab.Listeners.Forget();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.True(kept.Bytes.IsAlive);
        Assert.False(done.Bytes.IsAlive, "Bytes are in memory that nobody is charged with.");
    }
}
