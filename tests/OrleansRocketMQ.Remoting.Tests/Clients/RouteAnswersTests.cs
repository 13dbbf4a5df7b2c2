using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

/// <summary>Name servers that do not know the same.</summary>
public sealed class RouteAnswersTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly RouteAnswers _answers;

    public RouteAnswersTests() => _answers = new RouteAnswers(2, _time);

    [Fact]
    public void All_brokers_members_and_queues_that_any_server_knows_of_are_in_the_route()
    {
        _answers.Note(0, FakeCluster.RouteOf(2, ("a", 0, "1:1"), ("b", 1, "2:2")));
        _answers.Note(1, FakeCluster.RouteOf(2, ("b", 0, "3:3"), ("c", 0, "4:4")));

        var merged = _answers.Merged()!;

        Assert.Equal(["a", "b", "c"], merged.BrokerDatas.Select(broker => broker.BrokerName).Order());
        Assert.Equal(["a", "b", "c"], merged.QueueDatas.Select(queues => queues.BrokerName).Order());
        Assert.Equal([0, 1], merged.BrokerDatas.Single(broker => broker.BrokerName == "b").BrokerAddrs.Keys.Order());
    }

    [Fact]
    public void A_server_that_knows_nothing_takes_nothing_away()
    {
        _answers.Note(0, null);
        Assert.Null(_answers.Merged());

        _answers.Note(1, FakeCluster.RouteOf(2, ("a", 0, "1:1")));
        Assert.Single(_answers.Merged()!.BrokerDatas);

        _answers.Note(1, null);
        Assert.Null(_answers.Merged());
    }

    [Fact]
    public void Where_servers_contradict_each_other_the_one_counts_that_has_learnt_something_last()
    {
        _answers.Note(0, FakeCluster.RouteOf(2, ("a", 0, "old:1")));
        _answers.Note(1, FakeCluster.RouteOf(2, ("a", 0, "old:1")));
        _answers.Note(1, FakeCluster.RouteOf(4, ("a", 0, "new:1")));
        _answers.Note(0, FakeCluster.RouteOf(2, ("a", 0, "old:1")));
        Assert.Equal(("new:1", 4), AddressAndQueues());

        _answers.Note(0, FakeCluster.RouteOf(4, ("a", 0, "newer:1")));
        Assert.Equal(("newer:1", 4), AddressAndQueues());
    }

    [Fact]
    public void What_a_server_knew_counts_for_as_long_as_it_would_believe_in_a_silent_broker_itself()
    {
        _answers.Note(0, FakeCluster.RouteOf(2, ("a", 0, "1:1")));
        _time.Advance(TimeSpan.FromSeconds(100));
        _answers.Note(1, FakeCluster.RouteOf(2, ("b", 0, "2:2")));
        Assert.Equal(2, _answers.Merged()!.BrokerDatas.Count);

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("b", Assert.Single(_answers.Merged()!.BrokerDatas).BrokerName);
    }

    private (string Address, int Queues) AddressAndQueues()
    {
        var merged = _answers.Merged()!;
        return (Assert.Single(merged.BrokerDatas).BrokerAddrs[BrokerData.MasterId], Assert.Single(merged.QueueDatas).ReadQueueNums);
    }
}
