using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>A message that becomes a dead letter and commits what succeeded before it: a queue that stops may end with the last lease.</summary>
public sealed class CommitByDeadLetterTests : IWindowLedger
{
    private readonly DispatchLab _lab = new();
    private readonly List<long> _done = [];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_waits_for_a_commit_is_done_before_the_dead_letter_that_commits_it(bool isRejected)
    {
        _lab.Options.MaxReconsumeTimes = 0;
        var queue = _lab.Queue();
        queue.Runs.Restart(new ProcessQueue(this));
        queue.Add(2);
        var took = TimeSpan.FromMilliseconds(1);
        _lab.Listeners.ConsumeInOrder = (call, _) => Task.FromResult(
            call.Messages[0].QueueOffset == 0 ? new OrderlyOutcome(1, 0, null, 1, took)
            : isRejected ? new OrderlyOutcome(1, 1, null, 1, took) { Rejected = [new RejectedMessage(0, "bad")] }
            : new OrderlyOutcome(0, 0, new FailedBatch(1, IsRollback: false, Pause: null, AutoCommit: true, "bad"), 1, took));

        _lab.Signal(_lab.Orderly(), queue);

        Assert.Equal([0L, 1], _done);
    }

    void IWindowLedger.Done(MessageExt message) => _done.Add(message.QueueOffset);

    void IWindowLedger.Dropped(MessageExt message)
    {
    }

    void IWindowLedger.Skipped(MessageExt message)
    {
    }
}
