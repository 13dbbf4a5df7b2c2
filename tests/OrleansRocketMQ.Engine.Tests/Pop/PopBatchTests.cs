using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>Messages of an inner batch that is popped: one to the broker, several to listeners.</summary>
public sealed class PopBatchTests
{
    private readonly PopLab _lab = new();

    [Fact]
    public void A_batch_is_acknowledged_once_when_the_last_of_its_messages_is_done()
    {
        _lab.Options.ConsumeThreadMax = 1;
        _lab.ListenerTakes = TimeSpan.FromSeconds(5);
        _lab.Pops.StoreBatch(10, 11, 12);

        _lab.Start().Wait(12);
        Assert.Equal([10, 11, 12], _lab.Consumed);
        Assert.Equal(1, _lab.Pops.Hidden);
        Assert.Empty(_lab.Pops.Acknowledged);
        Assert.Equal(1, _lab.Pump.Book.Count);
        _lab.Wait(10);

        Assert.Single(_lab.Pops.Acknowledged);
        Assert.Equal((0, 0), (_lab.Pops.Hidden, _lab.Pump.Book.Count));
        Assert.Empty(_lab.Pops.Stale);
    }

    [Fact]
    public void A_batch_comes_again_when_one_of_its_messages_has_failed()
    {
        _lab.Fails = message => message.ReconsumeTimes == 0 && PopLab.NumberOf(message) == 11 ? new FailedMessage(0, 0, "no") : null;
        _lab.Pops.StoreBatch(10, 11);
        _lab.Pops.Store(1);

        _lab.Start().Wait(30);

        Assert.Equal([1, 10, 10, 11, 11], _lab.Consumed.Order());
        Assert.Equal(2, _lab.Pops.Acknowledged.Count);
        Assert.Equal((0, 0), (_lab.Pops.Hidden, _lab.Pump.Book.Count));
        Assert.Empty(_lab.Pops.Stale);
    }
}
