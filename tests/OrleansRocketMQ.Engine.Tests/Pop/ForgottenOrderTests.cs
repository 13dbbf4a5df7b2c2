using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>A queue that is popped in order while its broker does not know any more what it gave: to it an acknowledgement is an offset.</summary>
public sealed class ForgottenOrderTests
{
    [Fact]
    public void What_is_done_behind_a_message_that_is_not_does_not_lose_it_when_the_broker_has_forgotten_the_order()
    {
        var first = new PopLab { Mode = HandlerMode.KeyOrdered };
        first.Fails = message =>
        {
            first.Pops.Order.Forgets();
            return message.ShardingKey == "a" ? new FailedMessage(0, 0, "not yet") : null;
        };
        first.Pops.Store(1, KeyOf("a"));
        first.Pops.Store(1, KeyOf("b"));
        first.Start().Wait(5);
        Assert.Contains(1, first.Consumed);
        Assert.Equal(0, first.Pops.Order.Committed);

        first.Stop();
        var next = new PopLab(first.World, first.Pops) { Mode = HandlerMode.KeyOrdered };
        next.Brokers.Offsets[PopLab.Queue] = 0;
        next.Start().Wait(5);

        Assert.Equal([0, 1], next.Consumed);
        Assert.Equal(2, next.Pops.Order.Committed);
    }

    [Fact]
    public void What_is_done_behind_a_message_is_told_of_with_it_and_its_time_is_not_prolonged()
    {
        var lab = new PopLab { Mode = HandlerMode.KeyOrdered };
        var fails = true;
        lab.Options.MaxReconsumeTimes = 1000;
        lab.Fails = message => fails && message.ShardingKey == "a" ? new FailedMessage(0, 0, "not yet") : null;
        lab.Pops.Store(1, KeyOf("a"));
        lab.Pops.Store(1, KeyOf("b"));
        lab.Start().Wait(100);
        Assert.Empty(lab.Pops.Acknowledged);
        Assert.NotEmpty(lab.Pops.Changed);
        Assert.All(lab.Pops.Changed, static change => Assert.Equal(0, change.Message));

        fails = false;
        lab.Brokers.Faults["ack"] = () =>
        {
            lab.Brokers.Faults.Clear();
            return FakeBrokers.Refusal(ResponseCodes.SystemBusy);
        };
        lab.Wait(40);

        Assert.Equal([0, 1], lab.Pops.Acknowledged);
        Assert.Equal((0, 0), (lab.Pump.Book.Count, lab.Pump.Book.Late));
    }

    [Theory]
    [InlineData(HandlerMode.Orderly)]
    [InlineData(HandlerMode.KeyOrdered)]
    public void What_is_held_for_hours_is_popped_anew_before_the_broker_forgets_it(HandlerMode mode)
    {
        var lab = new PopLab { Mode = mode };
        lab.Options.PopInvisibleTime = TimeSpan.FromMinutes(10);
        lab.Options.MaxReconsumeTimes = 1_000_000;
        lab.Fails = static _ => new FailedMessage(0, 0, "not yet");
        lab.Pops.Store(2, KeyOf("a"));
        lab.Start().World.Wait(TimeSpan.FromHours(11), TimeSpan.FromSeconds(20));
        Assert.Single(lab.Pops.Requests);

        lab.World.Wait(TimeSpan.FromHours(2), TimeSpan.FromSeconds(20));
        Assert.Equal(2, lab.Pops.Requests.Count);
        Assert.Equal((2, 0), (lab.Pops.Order.Hidden, lab.Pump.Book.Lost));

        lab.Fails = static _ => null;
        lab.World.Wait(TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(20));
        Assert.Equal(2, lab.Pops.Order.Committed);
    }

    private static string KeyOf(string key) => $"{MessageProperties.ShardingKey}\u0001{key}\u0002";
}
