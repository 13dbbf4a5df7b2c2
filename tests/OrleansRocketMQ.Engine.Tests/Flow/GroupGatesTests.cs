using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Tests.Flow;

public sealed class GroupGatesTests : IDisposable
{
    private static readonly MessageQueue Orders = new("orders", "broker-a", 0);
    private static readonly MessageQueue Bills = new("bills", "broker-a", 0);

    private readonly FakeTimeProvider _time = new();
    private readonly GroupGates _gates;

    public GroupGatesTests() => _gates = new GroupGates(_time);

    public void Dispose() => _gates.Dispose();

    [Fact]
    public void Everything_is_paused_until_the_cluster_has_said_what_is()
    {
        var gate = _gates.Open(Orders);
        Assert.True(gate.IsPaused);

        _gates.Set(FlowRules.Open, FlowRules.Open);

        Assert.False(gate.IsPaused);
        Assert.False(_gates.Open(Bills).IsPaused);
    }

    [Fact]
    public void A_queue_is_paused_when_the_cluster_says_so_and_when_the_member_does()
    {
        var gate = _gates.Open(Orders);
        foreach (var (cluster, local) in new[] { (true, true), (true, false), (false, true), (false, false) })
        {
            _gates.Set(Rules(cluster), Rules(local));
            Assert.Equal(cluster || local, gate.IsPaused);
        }

        static FlowRules Rules(bool paused) => FlowRules.Open with { IsPaused = queue => paused && queue == Orders };
    }

    [Theory]
    [InlineData(100, null, 0.5, 50)]
    [InlineData(100, 20, 0.5, 20)]
    [InlineData(100, 80, 0.5, 50)]
    [InlineData(null, 80, 0.5, 80)]
    [InlineData(1_000, null, 0, 1)]
    public void The_lower_rate_holds_and_a_clusters_is_split_by_the_share(int? cluster, int? local, double share, int expected)
    {
        var gate = _gates.Open(Orders);
        _gates.Share(_ => share);
        _gates.Set(Limits(cluster), Limits(local));

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(expected, gate.Admit(10_000));
        Assert.Equal(0, gate.Admit(10_000));

        static FlowRules Limits(int? perSecond)
            => FlowRules.Open with { RateLimits = perSecond is { } limit ? new Dictionary<string, double> { ["orders"] = limit } : [] };
    }

    [Theory]
    [InlineData(null, 10, 5)]
    [InlineData(100, 10, 5)]
    [InlineData(4, 10, 2)]
    public void While_a_topic_is_tried_it_has_the_lower_of_its_rate_and_that_of_the_trial(int? cluster, int trial, int expected)
    {
        var (tried, other) = (_gates.Open(Orders), _gates.Open(Bills));
        _gates.Share(_ => 0.5);
        var limits = cluster is { } limit ? new Dictionary<string, double> { ["orders"] = limit } : [];
        _gates.Set(FlowRules.Open with { RateLimits = limits, TrialLimitOf = topic => topic == "orders" ? trial : null }, FlowRules.Open);

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((expected, 10_000), (tried.Admit(10_000), other.Admit(10_000)));
    }

    [Fact]
    public void A_rate_that_changes_holds_at_once_and_one_that_is_lifted_limits_nothing()
    {
        var gate = _gates.Open(Orders);
        Limit(100);
        _time.Advance(TimeSpan.FromSeconds(1));
        Limit(10);
        Assert.Equal(10, gate.Admit(10_000));

        _gates.Set(FlowRules.Open, FlowRules.Open);
        Assert.Equal(10_000, gate.Admit(10_000));
        Limit(10);
        Assert.Equal(0, gate.Admit(10_000));
    }

    [Fact]
    public void Queues_of_a_topic_are_told_when_its_rate_lets_messages_pass_again_and_all_when_somebody_says_so()
    {
        var told = new List<(bool Orders, bool Bills)>();
        _gates.Opened += isOf => told.Add((isOf(Orders), isOf(Bills)));
        var gate = _gates.Open(Orders);
        Limit(10);
        Assert.Equal(0, gate.Admit(1));
        Assert.Empty(told);

        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal([(true, false)], told);
        _gates.TellOpened();
        Assert.Equal([(true, false), (true, true)], told);
    }

    [Fact]
    public void A_queue_that_has_closed_and_a_group_that_has_ended_are_left_alone()
    {
        _gates.Set(FlowRules.Open, FlowRules.Open);
        var (closed, ended) = (_gates.Open(Orders), _gates.Open(Bills));

        _gates.Close(Orders);
        _gates.Set(FlowRules.Paused, FlowRules.Open);
        Assert.Equal((false, true), (closed.IsPaused, ended.IsPaused));

        _gates.Dispose();
        _gates.Set(FlowRules.Open, FlowRules.Open);
        Assert.True(ended.IsPaused);
    }

    private void Limit(double perSecond)
        => _gates.Set(FlowRules.Open with { RateLimits = new Dictionary<string, double> { ["orders"] = perSecond } }, FlowRules.Open);
}
