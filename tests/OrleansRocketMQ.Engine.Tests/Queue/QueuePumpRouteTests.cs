using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>A queue whose broker changes, or is about to.</summary>
public sealed class QueuePumpRouteTests
{
    private readonly PumpLab _lab = new();

    private IEnumerable<string> PulledFrom => _lab.Brokers.Calls.Where(call => call.Call == "pull").Select(call => call.Address);

    [Fact]
    public void A_broker_that_does_not_hold_a_pull_while_it_leads_a_queue_in_the_making_is_asked_less_and_less_often()
    {
        var logical = new MessageQueue("orders", "__syslo__global__", 0);
        // As one does that a logical queue was just given to: its piece of it has no offset yet.
        _lab.Brokers.Answer = static request => new PullResult(PullStatus.NoNewMessage, request.Offset, 0, 0, 0, default);
        _lab.Make();
        var pump = new QueuePump(logical, _lab.Environment, arrival: null, _lab.Log);
        pump.Start();
        _lab.Run();
        Assert.Single(_lab.Brokers.Pulls);

        _lab.World.Wait(10);

        Assert.InRange(_lab.Brokers.Pulls.Count, 13, 16);
    }

    [Fact]
    public void A_broker_that_holds_pulls_is_asked_again_without_a_pause()
    {
        _lab.Start();

        _lab.World.Wait(15.2);

        Assert.Equal(2, _lab.Brokers.Pulls.Count);
    }

    [Fact]
    public void A_pull_that_is_about_to_begin_when_its_broker_changes_goes_to_the_new_one()
    {
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Routes.Meanwhile = () =>
        {
            if (_lab.Brokers.Pulls.Count == 1 && _lab.Routes.Instead.TryAdd("broker-a", new("broker-a", 0, "new:10911")))
            {
                _lab.Pump.OnRoutes();
            }
        };

        _lab.Start();

        Assert.Equal(["broker-a:10911", "new:10911"], PulledFrom);
    }

    [Fact]
    public void A_pull_asks_once_where_its_broker_is()
    {
        _lab.Start();
        var pulls = _lab.Brokers.Pulls.Count;
        _lab.Routes.Asked.Clear();

        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.World.Wait(1);

        Assert.Equal(_lab.Brokers.Pulls.Count - pulls, _lab.Routes.Asked.Count);
        Assert.NotEmpty(_lab.Routes.Asked);
    }

    [Fact]
    public void A_slave_that_becomes_the_master_is_told_what_it_never_heard_also_when_it_was_read_before()
    {
        _lab.Routes.Members[("broker-a", 1)] = "slave:10911";
        _lab.Brokers.Suggested = 1;
        _lab.Brokers.Store(PumpLab.Queue, 3);
        _lab.Start();
        _lab.Consume();
        _lab.Commit();
        Assert.Equal((3L, "slave:10911"), (_lab.Committed, PulledFrom.Last()));

        _lab.Brokers.Offsets.Clear();
        _lab.Routes.Members[("broker-a", 0)] = "slave:10911";
        _lab.Pump.OnRoutes();
        _lab.Commit();

        Assert.Equal(3, _lab.Committed);
    }
}
