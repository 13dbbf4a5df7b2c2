using System.Globalization;
using System.Text;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>How many messages of a key go to its listener together, and what stays behind.</summary>
public sealed class KeyLaneTests
{
    private readonly DispatchLab _lab = new();

    [Theory]
    [InlineData("a")]
    [InlineData(null)]
    public void No_more_is_handed_out_than_the_rate_allows_and_the_rest_stays_in_order(string? key)
    {
        _lab.Options.ConsumeBatchSize = 5;
        var queue = Filled(_lab.Queue(), key, 5);
        var dispatcher = _lab.Keyed();
        using var rate = new TopicRate(2, _lab.World.Time, () => dispatcher.Signal(queue));
        queue.Runs.Gate.Set(paused: false, rate);
        _lab.World.Wait(1);
        _lab.Signal(dispatcher, queue);
        Assert.Equal([[0L, 1L]], _lab.Listeners.Calls.Select(call => call.Offsets));
        Assert.Equal((2L, 3, 0), (queue.Watermark, queue.Runs.Window.Count, queue.Runs.InFlight));

        _lab.World.Wait(2);

        Assert.Equal([0L, 1L, 2L, 3L, 4L], _lab.Listeners.Given);
        Assert.Equal(5, queue.Watermark);
    }

    [Theory]
    [InlineData("a")]
    [InlineData(null)]
    public void A_call_is_cut_where_it_would_be_too_large(string? key)
    {
        _lab.Options.ConsumeBatchSize = 10;
        var size = CallSize.Of(TestMessages.At(0, shardingKey: key));
        var queue = Filled(_lab.Queue(mostBytes: 3 * size), key, 5);

        _lab.Signal(_lab.Keyed(), queue);

        Assert.Equal([[0L, 1L, 2L], [3L, 4L]], _lab.Listeners.Calls.Select(call => call.Offsets));
        Assert.Equal(5, queue.Watermark);
    }

    [Fact]
    public void A_batch_may_be_of_any_size()
    {
        _lab.Options.ConsumeBatchSize = 300;
        var queue = Filled(_lab.Queue(), "a", 300);
        var fails = true;
        _lab.Listeners.Consume = (_, call, _) => !fails ? FakeListeners.Succeed(call)
            : Task.FromResult(new ListenerOutcome(call.Messages.Count, TimeSpan.FromMilliseconds(1), [new(290, 0, "bad")]));
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Equal(300, Assert.Single(_lab.Listeners.Calls).Offsets.Length);
        Assert.Equal((290L, 10, 0), (queue.Watermark, queue.Runs.Window.Count, queue.Runs.InFlight));

        fails = false;
        _lab.World.Wait(1);
        Assert.Equal(300, queue.Watermark);
    }

    [Fact]
    public void Of_many_messages_without_a_key_one_call_gets_no_more_than_sixty_four()
    {
        _lab.Options.ConsumeBatchSize = 100;
        var queue = Filled(_lab.Queue(), key: null, 100);

        _lab.Signal(_lab.Keyed(), queue);

        Assert.Equal([64, 36], _lab.Listeners.Calls.Select(call => call.Offsets.Length));
        Assert.Equal(100, queue.Watermark);
    }

    [Fact]
    public void What_comes_while_a_key_is_consumed_stands_behind_it_however_much_it_is()
    {
        var window = new ProcessQueue(0);
        var lanes = new KeyQueues();
        Add(0, 3);
        var lane = lanes.Take(2, out _)!;
        lanes.Complete(lane, 2);
        lanes.Release(lane);
        Add(3, 3);
        Assert.Same(lane, lanes.Take(2, out _));
        Add(6, 9);

        lanes.Complete(lane, 1);
        lanes.Release(lane);
        Assert.Same(lane, lanes.Take(100, out var messages));
        Assert.Equal(Enumerable.Range(3, 12), messages.Select(message => (int)message.QueueOffset));
        lanes.Complete(lane, messages.Length);
        lanes.Release(lane);
        Assert.Equal((15L, 0), (window.Watermark, window.Count));

        void Add(int first, int count)
        {
            window.Add([.. Enumerable.Range(first, count).Select(offset => TestMessages.At(offset, shardingKey: "a"))], first + count);
            lanes.Add(window.TakeAside(count));
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void A_dead_letter_says_when_it_failed_first_unless_that_was_before_it_came_here(int before, bool isKnown)
    {
        _lab.Options.MaxReconsumeTimes = before + 1;
        var queue = _lab.Queue();
        queue.Add([TestMessages.At(0, shardingKey: "a", reconsumeTimes: before)]);
        var first = _lab.World.Time.GetUtcNow();
        _lab.Listeners.Consume = static (_, _, _)
            => Task.FromResult(new ListenerOutcome(1, TimeSpan.FromMilliseconds(1), [new(0, 0, "bad")]));
        _lab.Signal(_lab.Keyed(), queue);
        Assert.Empty(_lab.Brokers.Copies);

        _lab.World.Wait(1);

        var properties = MessageProperties.Decode(Encoding.UTF8.GetBytes(Assert.Single(_lab.Brokers.Copies).Properties));
        Assert.Equal(isKnown ? first : null, Moment(properties, MessageProperties.DeadLetterFirstFailed));
        Assert.Equal(first.AddSeconds(1), Moment(properties, MessageProperties.DeadLetterLastFailed));
        Assert.Equal($"{before + 2}", properties[MessageProperties.DeadLetterAttempts]);
    }

    private static DateTimeOffset? Moment(Dictionary<string, string> properties, string name)
        => properties.TryGetValue(name, out var text)
            ? DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(text, CultureInfo.InvariantCulture))
            : null;

    private static FakeQueue Filled(FakeQueue queue, string? key, int count)
    {
        queue.Add([.. Enumerable.Repeat(key, count)]);
        return queue;
    }
}
