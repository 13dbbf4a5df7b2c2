using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>A window whose broker is told of each message.</summary>
public sealed class LedgerTests : IWindowLedger
{
    private readonly List<(string Fate, long Offset)> _heard = [];

    [Theory]
    [InlineData(false, "dropped")]
    [InlineData(true, "skipped")]
    public void What_was_returned_is_dropped_with_what_waits_and_what_is_worked_on_stays(bool skips, string fate)
    {
        var window = new ProcessQueue(this);
        window.Open(new DispatchGate(), closed: false);
        window.Add([.. Enumerable.Range(0, 5).Select(static offset => TestMessages.At(offset))], pulledTo: 0);
        var returned = window.Lease(2);
        var worked = window.Lease(1);
        window.Return(returned);

        window.DropWaiting(skips);

        Assert.Equal([0L, 1, 3, 4], _heard.Where(heard => heard.Fate == fate).Select(heard => heard.Offset).Order());
        Assert.Equal((1, 1, 0), (window.Count, window.InFlight, window.Waiting));
        Assert.True(window.Lease(5).IsEmpty);
        window.Add([TestMessages.At(7)], pulledTo: 0);
        Assert.Equal(7, Assert.Single(window.Lease(5).Messages).QueueOffset);
        worked.Complete();
        Assert.Contains(("done", 2L), _heard);
        Assert.Equal((1, 1), (window.Count, window.Length));
    }

    void IWindowLedger.Done(MessageExt message) => _heard.Add(("done", message.QueueOffset));

    void IWindowLedger.Dropped(MessageExt message) => _heard.Add(("dropped", message.QueueOffset));

    void IWindowLedger.Skipped(MessageExt message) => _heard.Add(("skipped", message.QueueOffset));
}
