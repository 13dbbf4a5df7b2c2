using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

public sealed class ProcessQueueTests
{
    [Fact]
    public void The_watermark_of_an_empty_window_is_where_the_next_pull_begins()
    {
        var queue = new ProcessQueue(100);

        Assert.Equal(100, queue.Watermark);
        queue.Add([], pulledTo: 150);
        Assert.Equal(150, queue.Watermark);
    }

    [Fact]
    public void One_unfinished_message_holds_the_watermark()
    {
        var queue = new ProcessQueue(0);
        queue.Add([TestMessages.At(0), TestMessages.At(1), TestMessages.At(2)], pulledTo: 3);
        var first = queue.Lease(1);
        var rest = queue.Lease(10);

        rest.Complete();
        Assert.Equal(0, queue.Watermark);
        Assert.Equal(1, queue.Count);
        first.Complete();
        Assert.Equal(3, queue.Watermark);
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public void Offsets_the_broker_left_out_do_not_hold_the_watermark()
    {
        var queue = new ProcessQueue(0);
        queue.Add([TestMessages.At(5), TestMessages.At(9)], pulledTo: 20);

        Assert.Equal(5, queue.Watermark);
        queue.Lease(1).Complete();
        Assert.Equal(9, queue.Watermark);
        queue.Lease(1).Complete();
        Assert.Equal(20, queue.Watermark);
    }

    [Fact]
    public void Least_and_greatest_offset_and_what_is_contained_tell_of_what_is_not_done()
    {
        var queue = new ProcessQueue(0);
        Assert.Equal((-1, -1), (queue.MinOffset, queue.MaxOffset));
        queue.Add([TestMessages.At(5), TestMessages.At(9), TestMessages.At(12)], pulledTo: 20);
        Assert.Equal((5, 12), (queue.MinOffset, queue.MaxOffset));

        var first = queue.Lease(1);
        queue.Lease(1).Complete();
        queue.Lease(1).Complete();

        Assert.Equal((5, 5), (queue.MinOffset, queue.MaxOffset));
        Assert.True(queue.Contains(5));
        Assert.False(queue.Contains(9));
        Assert.False(queue.Contains(6));
        first.Complete();
        Assert.Equal((-1, -1), (queue.MinOffset, queue.MaxOffset));
    }

    [Fact]
    public void A_message_pulled_twice_is_there_once()
    {
        var queue = new ProcessQueue(0);

        Assert.Equal(2, queue.Add([TestMessages.At(0), TestMessages.At(1)], pulledTo: 2));
        Assert.Equal(1, queue.Add([TestMessages.At(1), TestMessages.At(2)], pulledTo: 3));
        Assert.Equal(3, queue.Lease(10).Messages.Count);
    }

    [Fact]
    public void An_unreadable_message_is_handed_out_alone()
    {
        var queue = new ProcessQueue(0);
        queue.Add([TestMessages.At(0), TestMessages.UnreadableAt(1), TestMessages.At(2)], pulledTo: 3);

        Assert.Equal([0], queue.Lease(10).Messages.Select(message => message.QueueOffset));
        Assert.Equal([1], queue.Lease(10).Messages.Select(message => message.QueueOffset));
        Assert.Equal([2], queue.Lease(10).Messages.Select(message => message.QueueOffset));
    }

    [Fact]
    public void Bytes_and_span_say_how_full_the_window_is()
    {
        var queue = new ProcessQueue(0);
        queue.Add([TestMessages.At(10, bodyLength: 100), TestMessages.At(60, bodyLength: 50)], pulledTo: 61);

        Assert.Equal(150, queue.Bytes);
        Assert.Equal(50, queue.Span);
        queue.Lease(1).Complete();
        Assert.Equal(50, queue.Bytes);
        Assert.Equal(0, queue.Span);
    }

    /// <summary>
    /// Against a plain model: whatever the order of adding, handing out and completing, each message is handed out once,
    /// and the watermark is the lowest offset not done.
    /// </summary>
    [Fact]
    [Trait("Length", "Long")]
    public void Any_order_of_work_keeps_the_watermark_at_the_lowest_unfinished_offset()
    {
        var steps = Gen.Choose(0, 1000).ListOf(200).ToArbitrary();
        Check.QuickThrowOnFailure(Prop.ForAll(steps, choices =>
        {
            var queue = new ProcessQueue(0);
            var open = new SortedSet<long>();
            var handedOut = new List<ProcessQueueRange>();
            var seen = new HashSet<long>();
            var next = 0L;
            foreach (var choice in choices)
            {
                switch (choice % 3)
                {
                    case 0:
                        var added = new List<MessageExt>();
                        for (var count = choice % 40; count > 0; count--)
                        {
                            next += 1 + (choice % 3);
                            added.Add(TestMessages.At(next));
                            open.Add(next);
                        }

                        queue.Add(added, ++next);
                        break;
                    case 1:
                        var range = queue.Lease(1 + (choice % 17));
                        if (!range.IsEmpty)
                        {
                            handedOut.Add(range);
                            Assert.All(range.Messages, message => Assert.True(seen.Add(message.QueueOffset)));
                        }

                        break;
                    default:
                        if (handedOut.Count > 0)
                        {
                            var done = handedOut[choice % handedOut.Count];
                            handedOut.Remove(done);
                            done.Complete();
                            open.ExceptWith(done.Messages.Select(message => message.QueueOffset));
                        }

                        break;
                }

                Assert.Equal(open.Count == 0 ? next : open.Min, queue.Watermark);
                Assert.Equal(open.Count, queue.Count);
                Assert.Equal(handedOut.Sum(range => range.Messages.Count), queue.InFlight);
                Assert.Equal(open.Count * 8, queue.Bytes);
            }
        }));
    }
}
