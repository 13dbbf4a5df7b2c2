using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Tests.Flow;

/// <summary>Gates of queues that error rules have stopped: on this member, and as the whole cluster knows.</summary>
public sealed class StoppedGateTests
{
    private static readonly MessageQueue Queue = new("T", "broker-a", 0);
    private static readonly MessageQueue Other = new("T", "broker-a", 1);
    private static readonly FlowRules Open = FlowRules.Open;
    private static readonly FlowRules Stopped = Open with { StopOf = queue => queue == Queue ? "stopped elsewhere" : null };

    private readonly GroupGates _gates = new(new FakeTimeProvider());
    private readonly List<QueueStop> _told = [];

    public StoppedGateTests()
    {
        _gates.Set(Open, Open);
        _gates.Stopped += _told.Add;
    }

    [Fact]
    public void A_stop_here_is_told_once_and_shuts_its_queue_alone()
    {
        var (gate, other) = (_gates.Open(Queue), _gates.Open(Other));

        gate.Stop(Stop("first"));
        gate.Stop(Stop("second"));

        Assert.Equal("first", Assert.Single(_told).Error);
        Assert.Contains("first", gate.Stopped, StringComparison.Ordinal);
        Assert.Equal((true, false), (gate.IsClosed, other.IsClosed));
        gate.EndStop();
        Assert.False(gate.IsClosed);
    }

    [Fact]
    public void The_end_of_a_stop_leaves_one_that_came_since()
    {
        var gate = _gates.Open(Queue);
        gate.Stop(Stop("bad"));
        var first = gate.StoppedHere!;
        gate.EndStop();

        // On the same message, for the same reason.
        gate.Stop(Stop("bad"));

        Assert.False(gate.EndStop(first));
        Assert.True(gate.IsClosed);
        Assert.True(gate.EndStop(gate.StoppedHere!));
        Assert.False(gate.IsClosed);
    }

    [Fact]
    public void What_the_cluster_knows_shuts_a_queue_that_begins_and_ends_with_that()
    {
        _gates.Set(Stopped, Open);
        var gate = _gates.Open(Queue);
        Assert.Equal((true, "stopped elsewhere"), (gate.IsPaused, gate.Stopped));

        gate.EndStop();
        Assert.True(gate.IsClosed);

        _gates.Set(Open, Open);
        Assert.False(gate.IsClosed);
        Assert.Empty(_told);
    }

    [Fact]
    public void A_stop_here_becomes_the_clusters_when_that_knows_of_it()
    {
        var gate = _gates.Open(Queue);
        gate.Stop(Stop("bad"));
        _gates.Set(Open, Open);
        Assert.Contains("bad", gate.Stopped, StringComparison.Ordinal);

        _gates.Set(Stopped, Open);
        Assert.Equal("stopped elsewhere", gate.Stopped);
        _gates.Set(Open, Open);

        Assert.Null(gate.Stopped);
    }

    private static QueueStop Stop(string error) => new(Queue, "id", 7, error);
}
