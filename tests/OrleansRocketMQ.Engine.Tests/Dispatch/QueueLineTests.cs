using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Which of the queues with work is next.</summary>
public sealed class QueueLineTests
{
    private readonly Stepped _world = new();

    [Fact]
    public void The_queue_with_the_message_of_the_highest_priority_is_next_and_the_others_stay_as_they_stood()
    {
        var line = Line(byPriority: true, 0, 4, -1, 9, 4);

        Assert.Equal([3, 1, 4, 0, 2], Order(line));
    }

    [Fact]
    public void The_queue_that_stands_there_longest_has_every_eighth_turn()
    {
        var line = Line(byPriority: true, [-1, .. Enumerable.Repeat(9, 20)]);

        Assert.Equal(PriorityOrder.OldestOnceIn - 1, Order(line).IndexOf(0));
    }

    [Fact]
    public void Without_being_asked_for_queues_are_served_as_they_came()
        => Assert.Equal([0, 1, 2], Order(Line(byPriority: false, 0, 9, 4)));

    [Fact]
    public void Only_groups_in_no_order_go_by_priority()
    {
        var lab = new DispatchLab();
        lab.Options.DispatchByPriority = true;

        IQueueDispatcher[] inOrder = [lab.Keyed(), lab.Orderly()];
        Assert.True(((IQueueDispatcher)lab.Concurrent()).IsByPriority);
        Assert.All(inOrder, dispatcher => Assert.False(dispatcher.IsByPriority));
    }

    private QueueLine Line(bool byPriority, params int[] priorities)
    {
        var line = new QueueLine(byPriority);
        for (var number = 0; number < priorities.Length; number++)
        {
            var queue = new FakeQueue(_world.Time, number, byPriority: true);
            queue.Runs.Window.Add(TestMessages.WithPriorities([priorities[number]]), 1);
            line.Enqueue(queue);
        }

        return line;
    }

    private static List<int> Order(QueueLine line)
    {
        var order = new List<int>();
        while (line.TryDequeue(out var queue))
        {
            order.Add(queue.Queue.QueueId);
        }

        return order;
    }
}
