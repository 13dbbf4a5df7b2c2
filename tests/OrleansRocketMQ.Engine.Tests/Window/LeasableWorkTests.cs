using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>Whoever looks for work finds some only where it may be had.</summary>
public sealed class LeasableWorkTests
{
    public enum Reason
    {
        Paused,
        Fenced,
        FencedByTheClock,
        RuleBroken,
        OverTheRate,
    }

    [Theory]
    [InlineData(Reason.Paused)]
    [InlineData(Reason.Fenced)]
    [InlineData(Reason.FencedByTheClock)]
    [InlineData(Reason.RuleBroken)]
    [InlineData(Reason.OverTheRate)]
    public void What_may_not_be_leased_is_no_work(Reason reason)
    {
        using var rate = new TopicRate(1, new FakeTimeProvider(), static () => { });
        var window = new ProcessQueue(0);
        window.Add(TestMessages.Pull([0, 1, 2]), 3);
        var runs = new DispatchBuffer(window);
        Assert.True(runs is { Waiting: 3, MayLease: true });

        Close(runs.Gate, reason, rate);

        Assert.True(runs.Lease(1).IsEmpty);
        Assert.Equal(0, runs.Waiting);
        Assert.False(runs.MayLease);
    }

    private static void Close(DispatchGate gate, Reason reason, TopicRate rate)
    {
        switch (reason)
        {
            case Reason.Paused:
                gate.Set(paused: true, rate: null);
                break;
            case Reason.Fenced:
                gate.Fence(closed: true);
                break;
            case Reason.FencedByTheClock:
                gate.IsInDoubt = static () => true;
                break;
            case Reason.RuleBroken:
                gate.Break("a rule");
                break;
            default:
                gate.Set(paused: false, rate);
                while (rate.Take(1) > 0)
                {
                }

                break;
        }
    }
}
