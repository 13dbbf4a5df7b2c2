using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Queues with work are served one after the other, by as many as are needed and no more than may be.</summary>
public sealed class ReadyQueueTests
{
    private readonly Stepped _world = new();
    private readonly ConsumerOptions _options = new() { Group = "g", ConsumeThreadMin = 2, ConsumeThreadMax = 4 };
    private readonly ReadyQueue _line;
    private readonly List<(int Slot, int Queue)> _served = [];
    private readonly List<int> _opened = [];
    private readonly List<TaskCompletionSource> _work = [];

    public ReadyQueueTests() => _line = new(_options, _world.Runtime, NullLogger.Instance);

    [Fact]
    public void The_fewest_slots_are_open_from_the_start_and_more_only_when_queues_have_to_wait()
    {
        Start();
        Assert.Equal([0, 1], _opened);
        Signal(0, 1);
        Assert.Equal([0, 1], _opened);

        Signal(2);
        Assert.Equal([0, 1, 2], _opened);
        Signal(3);
        Assert.Equal([0, 1, 2, 3], _opened);
        Signal(4, 5);
        Assert.Equal([0, 1, 2, 3], _opened);
        Assert.Equal([(1, 0), (0, 1), (2, 2), (3, 3)], _served);
    }

    [Fact]
    public void The_slot_that_was_free_last_serves_next()
    {
        Start();
        for (var queue = 0; queue < 3; queue++)
        {
            Signal(queue);
            Free(queue);
        }

        Assert.Equal([(1, 0), (1, 1), (1, 2)], _served);
    }

    [Fact]
    public void Queues_are_served_in_the_order_they_came_as_slots_are_free_again()
    {
        Start();
        Signal(0, 1, 2, 3, 4, 5);

        Free(3);
        Free(0);

        Assert.Equal([(1, 0), (0, 1), (2, 2), (3, 3), (3, 4), (1, 5)], _served);
    }

    [Fact]
    public void A_queue_stands_in_line_once_however_often_it_is_told_of()
    {
        Start();
        Signal(0, 1, 2, 3);
        var queue = new FakeQueue(_world.Time, 7);
        for (var times = 0; times < 3; times++)
        {
            _line.Signal(queue);
        }

        Free(0);
        Free(1);
        Free(2);

        Assert.Single(_served, served => served.Queue == 7);
    }

    [Fact]
    public void A_queue_that_came_before_the_start_is_served_then()
    {
        Signal(0);
        Assert.Empty(_opened);
        Start();

        Assert.Equal([(0, 0)], _served);
    }

    [Fact]
    public void A_stop_ends_slots_when_they_are_done_and_nothing_is_served_afterwards()
    {
        Start();
        Signal(0);
        var stopping = _world.Begin(_line.StopAsync);
        Assert.False(stopping.IsCompleted);

        Free(0);
        Assert.True(stopping.IsCompletedSuccessfully);
        Signal(1, 2, 3);
        Assert.Single(_served);
        Assert.Equal([0, 1], _opened);
    }

    private void Start()
    {
        _line.Start(RunSlotAsync);
        _world.Steps.Run();
    }

    private void Signal(params int[] queues)
    {
        foreach (var queue in queues)
        {
            _line.Signal(new FakeQueue(_world.Time, queue));
            _world.Steps.Run();
        }
    }

    private void Free(int served)
    {
        _work[served].SetResult();
        _world.Steps.Run();
    }

    private async Task RunSlotAsync(int slot)
    {
        _opened.Add(slot);
        while (await _line.NextAsync() is { } queue)
        {
            var work = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _work.Add(work);
            _served.Add((slot, queue.Queue.QueueId));
            await work.Task;
            queue.Runs.LeaveLine();
        }
    }
}
