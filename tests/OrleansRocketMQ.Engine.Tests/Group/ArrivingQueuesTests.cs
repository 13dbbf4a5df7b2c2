using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Group;

/// <summary>What comes along with a queue from another member, or from how its messages came before, holds from its first step on.</summary>
public sealed class ArrivingQueuesTests
{
    private readonly PumpLab _lab = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_queue_that_arrives_stopped_by_an_error_rule_asks_for_nothing_until_it_is_resumed(bool pops)
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);

        var queue = Start(arrival: null, pops, new QueueStop(PumpLab.Queue, "id", 1, "bad"));

        Assert.Contains("bad", queue.Runs.Gate.Stopped, StringComparison.Ordinal);
        Assert.True(queue.Level.HasFailed);
        Assert.Equal((0, 0), (_lab.Brokers.CountOf("pull"), _lab.Brokers.CountOf("pop")));

        queue.Recover();
        _lab.World.Wait(1);
        Assert.True(_lab.Brokers.CountOf(pops ? "pop" : "pull") > 0);
    }

    [Fact]
    public void A_reset_that_the_store_has_not_taken_from_a_pull_is_where_pops_begin()
    {
        _lab.Brokers.Offsets[PumpLab.Queue] = 20;
        _lab.Brokers.Faults["reset"] = static () => new BrokerNotAvailableException("away");
        var queue = Start(QueueArrival.AtUnstoredReset(5), pops: true);
        Assert.Equal((5L, 0), (queue.UnstoredReset, _lab.Brokers.CountOf("pop")));

        _lab.Brokers.Faults.Clear();
        _lab.World.Wait(2);

        Assert.Equal([5L], _lab.Brokers.Resets);
        Assert.Null(queue.UnstoredReset);
        Assert.True(_lab.Brokers.CountOf("pop") > 0);
    }

    [Fact]
    public void A_queue_whose_broker_has_demanded_nothing_is_popped_from_where_the_broker_has_it()
    {
        _lab.Brokers.Offsets[PumpLab.Queue] = 20;

        var queue = Start(new QueueArrival(new(5, 5, []), HasCheckpoint: false, IdleSince: 0), pops: true);

        Assert.Empty(_lab.Brokers.Resets);
        Assert.Null(queue.UnstoredReset);
        Assert.True(_lab.Brokers.CountOf("pop") > 0);
    }

    [Fact]
    public void A_pulled_queue_tells_of_a_reset_for_as_long_as_the_store_has_not_taken_it()
    {
        _lab.Brokers.Store(PumpLab.Queue, 40);
        _lab.Brokers.Faults["update"] = static () => FakeBrokers.Refusal(OrleansRocketMQ.Protocol.ResponseCodes.SystemError);

        var queue = Start(QueueArrival.AtUnstoredReset(5), pops: false);

        Assert.Equal(5L, queue.UnstoredReset);
        _lab.Brokers.Faults.Clear();
        _lab.World.Do(((QueuePump)queue).CommitAsync);
        Assert.Null(queue.UnstoredReset);
    }

    private IGroupQueue Start(QueueArrival? arrival, bool pops, QueueStop? stop = null)
    {
        _lab.Make();
        var group = new ConsumerGroup(_lab.Environment, NullLoggerFactory.Instance);
        group.Start();
        var queue = group.StartQueue(PumpLab.Queue, arrival, pops, stop);
        _lab.World.Wait(1);
        return queue;
    }
}
