using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Flow;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Queues;

/// <summary>What waits for a queue is woken by progress, and is gone when it does not wait any more.</summary>
public sealed class PullFlowControllerTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly QueueRuns _runs = new(new ProcessQueue(0));

    [Fact]
    public async Task A_wait_whose_time_is_over_leaves_no_waiter_behind()
    {
        var controller = NewController();
        var looks = 0;
        for (var round = 0; round < 100; round++)
        {
            var waiting = controller.WaitAsync(
                () =>
                {
                    looks++;
                    return false;
                },
                TimeSpan.FromSeconds(1),
                CancellationToken.None);
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.False(await waiting.WaitAsync(Eventually.Deadline));
        }

        var before = looks;
        var last = controller.WaitAsync(() => ++looks > before + 1, most: null, CancellationToken.None);
        controller.OnProgress();
        await last.WaitAsync(Eventually.Deadline);

        Assert.Equal(before + 2, looks);
    }

    [Fact]
    public async Task A_wait_ends_with_what_it_waits_for_and_with_the_stop()
    {
        var controller = NewController();
        using var stopping = new CancellationTokenSource();
        var isSo = false;
        var waiting = controller.WaitAsync(() => Volatile.Read(ref isSo), TimeSpan.FromMinutes(1), stopping.Token);
        Volatile.Write(ref isSo, true);
        controller.OnProgress();
        Assert.True(await waiting.WaitAsync(Eventually.Deadline));

        var other = controller.WaitAsync(() => false, TimeSpan.FromMinutes(1), stopping.Token);
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other);
    }

    [Fact]
    public void Nothing_is_handed_out_in_the_instant_in_which_the_clock_closes_the_fence()
    {
        var isClosed = true;
        _runs.Gate.IsInDoubt = () => isClosed;
        _runs.Window.Add([TestMessages.At(0), TestMessages.At(1)], 2);

        Assert.True(_runs.Lease(10).IsEmpty);

        isClosed = false;
        Assert.Equal(2, _runs.Lease(10).Messages.Count);
    }

    private PullFlowController NewController()
    {
        var options = new ConsumerOptions { Group = "g" };
        return new(options, _runs, new GroupBudgets(options, new SharedBudget(long.MaxValue)).Of("t"), _time);
    }
}
