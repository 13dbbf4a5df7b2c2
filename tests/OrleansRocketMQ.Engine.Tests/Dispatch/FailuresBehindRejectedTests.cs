using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>A broker takes its time with what a listener in order has rejected, and other messages of the call have failed.</summary>
public sealed class FailuresBehindRejectedTests
{
    private readonly DispatchLab _lab = new();

    [Fact]
    public void Failures_behind_a_rejected_message_are_stored_before_a_broker_is_asked_to_take_it_and_count_once()
    {
        _lab.Options.ConsumeBatchSize = 3;
        var queue = _lab.Queue();
        queue.Add(3);
        _lab.Listeners.ConsumeInOrder = static (_, _) => Task.FromResult(RejectFirst(failed: 2));

        var copies = HoldCopies();
        _lab.Signal(_lab.Orderly(), queue);
        Assert.Equal([(1L, 1), (2L, 1)], Stored(queue));

        copies.SetResult();
        _lab.World.Steps.Run();
        Assert.Equal([(1L, 1), (2L, 1)], Stored(queue));
        Assert.Equal(1, queue.Watermark);
    }

    [Fact]
    public void So_are_those_of_a_parked_key()
    {
        (_lab.Options.ConsumeBatchSize, _lab.Options.PoisonHandling) = (2, PoisonHandling.Park);
        var queue = _lab.Queue();
        queue.Add("a", "a");
        _lab.Listeners.ConsumeInOrder = static (_, _) => Task.FromResult(new OrderlyOutcome(0, 0, Failed(2), 1, TimeSpan.Zero));
        _lab.Signal(_lab.Orderly(), queue);
        _lab.Listeners.ConsumeInOrder = static (_, _) => Task.FromResult(RejectFirst(failed: 1));
        var copies = HoldCopies();
        _lab.World.Wait(1.1);
        Assert.Equal([(0L, 1), (1L, 2)], Stored(queue));

        copies.SetResult();
        _lab.World.Steps.Run();
        Assert.Equal([(1L, 2)], Stored(queue));
        Assert.Equal(1, queue.Watermark);
    }

    private static OrderlyOutcome RejectFirst(int failed)
        => new(1, 1, Failed(failed), 1, TimeSpan.Zero) { Rejected = [new RejectedMessage(0, "bad")] };

    private static FailedBatch Failed(int count) => new(count, IsRollback: false, Pause: null, AutoCommit: true, "failed");

    private TaskCompletionSource HoldCopies()
    {
        var held = new TaskCompletionSource();
        _lab.Brokers.Holds["copy"] = held.Task;
        return held;
    }

    private IEnumerable<(long, int)>? Stored(FakeQueue queue)
        => _lab.Failures.ValueOf(queue.Queue)?.Messages.Select(static failures => (failures.Offset, failures.Count));
}
