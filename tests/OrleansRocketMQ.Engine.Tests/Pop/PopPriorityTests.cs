using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>Priorities among what a queue that is popped holds.</summary>
public sealed class PopPriorityTests
{
    private readonly PopLab _lab = new();

    public PopPriorityTests()
    {
        _lab.Options.DispatchByPriority = true;
        _lab.Options.ConsumeThreadMax = 1;
        _lab.ListenerTakes = TimeSpan.FromSeconds(1);
        _lab.Pops.Store(4, PriorityOf(1));
        _lab.Pops.Store(2, PriorityOf(5));
        _lab.Pops.Store(1, PriorityOf(9));
    }

    [Fact]
    public void Of_what_waits_the_most_urgent_goes_first_and_each_is_acknowledged()
    {
        _lab.Start().Wait(10);

        Assert.Equal([6, 4, 5, 0, 1, 2, 3], _lab.Consumed);
        Assert.Equal(7, _lab.Pops.Acknowledged.Count);
        Assert.Equal(0, _lab.Pump.Runs.Window.Length);
    }

    [Fact]
    public void What_was_passed_over_goes_back_when_the_queue_stops()
    {
        _lab.Start().Wait(1.5);
        Assert.Equal([6, 4], _lab.Consumed);

        var stopping = _lab.Stop();
        _lab.Wait(3);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal([6, 4], _lab.Pops.Acknowledged);
        Assert.Equal((5, 0), (_lab.Pops.Waiting, _lab.Pump.Runs.Window.Count));
    }

    private static string PriorityOf(int priority) => $"{MessageProperties.Priority}\u0001{priority}\u0002";
}
