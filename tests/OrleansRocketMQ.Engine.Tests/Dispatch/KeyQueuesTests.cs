using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

public sealed class KeyQueuesTests
{
    /// <summary>
    /// Against a plain model: whatever the order of adding, taking, succeeding, failing and waiting, a key's messages are
    /// handed out in order and to one caller at a time, a failing one alone, and in the end each was done once.
    /// </summary>
    [Fact]
    [Trait("Length", "Long")]
    public void Any_order_of_work_keeps_each_keys_order_and_loses_nothing()
    {
        var steps = Gen.Choose(0, 100_000).ListOf(300).ToArbitrary();
        Check.QuickThrowOnFailure(Prop.ForAll(steps, choices => new Model().Run(choices)));
    }

    /// <summary>The same for some orders that are always the same ones, in no time.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_is_so_for_some_orders_of_work(int seed)
    {
        var random = new System.Random(seed);
        new Model().Run(Enumerable.Range(0, 300).Select(_ => random.Next(100_000)).ToArray());
    }

    [Fact]
    public void A_key_that_waits_stops_no_other()
    {
        var (window, lanes) = Filled("a", "a", "b");
        var first = lanes.Take(1, out _)!;
        lanes.Block(first, "no");

        var second = lanes.Take(10, out var messages)!;

        Assert.Equal("b", second.Key);
        Assert.Equal([2L], messages.Select(message => message.QueueOffset));
        Assert.Null(lanes.Take(10, out _));
        lanes.Unblock(first, first.Turn);
        Assert.Same(first, lanes.Take(10, out messages));
        Assert.Equal([0L, 1L], messages.Select(message => message.QueueOffset));
        Assert.Equal(0, window.Watermark);
    }

    [Fact]
    public void The_end_of_a_wait_from_before_a_key_was_forgotten_ends_no_later_wait()
    {
        var (window, lanes) = Filled("a", "b");
        var lane = lanes.Take(1, out _)!;
        var before = lane.Turn;
        lanes.Block(lane, "no");
        lanes.Forget();
        window.Add([TestMessages.At(2, shardingKey: "a")], 3);
        lanes.Add(window.TakeAside(1));
        Assert.Same(lane, lanes.Take(1, out _));
        lanes.Block(lane, "not yet");

        lanes.Unblock(lane, before);
        Assert.False(lanes.HasReady);
        lanes.Unblock(lane, lane.Turn);
        Assert.Same(lane, lanes.Take(1, out _));
    }

    [Fact]
    public void Lanes_that_are_forgotten_may_have_been_blocked_or_ready_or_running_and_serve_their_keys_again()
    {
        var (window, lanes) = Filled("a", "a", "b", "c");
        lanes.Block(lanes.Take(1, out _)!, "no");
        var running = lanes.Take(1, out _)!;

        lanes.Forget();

        Assert.False(lanes.HasReady);
        Assert.Empty(lanes.Blocked);
        Assert.Equal(1, lanes.InFlight);
        lanes.Complete(running, 1);
        lanes.Release(running);
        window.Add([TestMessages.At(4, shardingKey: "a"), TestMessages.At(5, shardingKey: "b")], 6);
        lanes.Add(window.TakeAside(2));
        Assert.Equal("a", lanes.Take(9, out _)!.Key);
        Assert.Equal("b", lanes.Take(9, out _)!.Key);
    }

    [Fact]
    public void Messages_without_a_key_do_not_wait_for_each_other()
    {
        var (window, lanes) = Filled(null, null, "", null);

        var taken = Enumerable.Range(0, 4).Select(_ => (Lane: lanes.Take(1, out var messages)!, Message: Assert.Single(messages))).ToList();

        Assert.Null(lanes.Take(1, out _));
        Assert.Equal(4, taken.DistinctBy(one => one.Lane).Count());
        Assert.Equal([0L, 1L, 2L, 3L], taken.Select(one => one.Message.QueueOffset));
        foreach (var (lane, message) in taken)
        {
            Assert.NotNull(message);
            lanes.Complete(lane, 1);
            lanes.Release(lane);
        }

        Assert.Equal(4, window.Watermark);
    }

    [Fact]
    public void Many_keys_that_come_once_do_not_grow_the_lanes_without_end_and_a_lane_used_again_knows_nothing_of_its_old_key()
    {
        var lanes = new KeyQueues();
        var window = new ProcessQueue(0);
        var seen = new HashSet<KeyQueue>();
        for (var number = 0; number < KeyQueues.MostIdle * 3; number++)
        {
            window.Add([TestMessages.At(number, shardingKey: $"key-{number}")], number + 1);
            lanes.Add(window.TakeAside(1));
            var lane = lanes.Take(1, out var messages)!;
            Assert.Equal($"key-{number}", lane.Key);
            Assert.Null(lane.Listener);
            Assert.Equal(0, lane.Failures);
            lane.Failures = 7;
            seen.Add(lane);
            lanes.Complete(lane, messages.Length);
            lanes.Release(lane);
        }

        Assert.Equal(KeyQueues.MostIdle, seen.Count);
        Assert.Equal(KeyQueues.MostIdle * 3, window.Watermark);
    }

    [Fact]
    public void A_group_of_many_queues_keeps_fewer_empty_lanes_of_each()
    {
        Assert.Equal([KeyQueues.MostIdle, KeyQueues.MostIdle, 16, 16], new[] { 0, 16, 1024, 100_000 }.Select(KeyQueues.IdleOf));
        var most = 8;
        var lanes = new KeyQueues(mostIdle: () => most);
        var window = new ProcessQueue(0);
        for (var number = 0; number < 40; number++)
        {
            most = number < 20 ? 8 : 3;
            window.Add([TestMessages.At(number, shardingKey: $"key-{number}")], number + 1);
            lanes.Add(window.TakeAside(1));
            var lane = lanes.Take(1, out var messages)!;
            Assert.Equal($"key-{number}", lane.Key);
            lanes.Complete(lane, messages.Length);
            lanes.Release(lane);
            Assert.InRange(lanes.Idle, 1, most);
        }

        Assert.Equal(40, window.Watermark);
    }

    [Fact]
    public void Whether_a_key_has_a_batch_of_bytes_is_known_without_reading_its_messages_again()
    {
        var rule = new BatchRule(Messages: 100, Bytes: 40, TimeSpan.FromSeconds(1), MostHeld: 1000, TimeProvider.System);
        var window = new ProcessQueue(0);
        var lane = new KeyQueue();
        for (var slot = 0; slot < 4; slot++)
        {
            var message = TestMessages.At(slot, bodyLength: 8);
            lane.Add(window, slot, message, arrived: 0);
            OverwriteLength(message);
            Assert.False(lane.HasBatch(rule));
        }

        lane.Add(window, 4, TestMessages.At(4, bodyLength: 8), arrived: 0);

        Assert.True(lane.HasBatch(rule));
    }

    [Fact]
    public void Bytes_that_are_done_moved_or_forgotten_make_no_batch()
    {
        var rule = new BatchRule(Messages: 100, Bytes: 40, TimeSpan.FromSeconds(1), MostHeld: 1000, TimeProvider.System);
        var window = new ProcessQueue(0);
        window.Add([.. Enumerable.Range(0, 10).Select(offset => TestMessages.At(offset, shardingKey: "a"))], 10);
        var lanes = new KeyQueues();
        lanes.Add(window.TakeAside(10));
        var lane = lanes.Take(2, out _)!;
        Assert.True(lane.HasBatch(rule));
        var other = new KeyQueue();

        lanes.Complete(lane, 2);
        lane.MoveTo(other, 4);
        Assert.Equal((false, false), (lane.HasBatch(rule), other.HasBatch(rule)));
        lane.MoveTo(other, 1);
        Assert.Equal((false, true), (lane.HasBatch(rule), other.HasBatch(rule)));
        other.Forget();
        lane.MoveTo(other, 3);

        Assert.False(other.HasBatch(rule));
    }

    [Fact]
    public void Long_keys_and_keys_in_any_script_are_told_apart()
    {
        var keys = new[] { new string('x', 300), new string('x', 299) + "y", "grün", "grun", "订单", new string('订', 90), "a b" };
        var (_, lanes) = Filled([.. keys, .. keys]);

        var taken = keys.Select(_ => (lanes.Take(10, out var messages)!.Key, messages.Length)).ToList();

        Assert.Equal(keys.Select(key => ((string?)key, 2)), taken);
    }

    [Fact]
    public void An_unreadable_message_is_handed_out_alone_and_in_its_turn()
    {
        var lanes = new KeyQueues(_ => "one");
        var window = new ProcessQueue(0);
        window.Add([TestMessages.At(0), TestMessages.UnreadableAt(1), TestMessages.At(2)], 3);
        while (window.TakeAside(10) is { IsEmpty: false } range)
        {
            lanes.Add(range);
        }

        for (var offset = 0L; offset < 3; offset++)
        {
            var lane = lanes.Take(10, out var messages)!;
            Assert.Equal([offset], messages.Select(message => message.QueueOffset));
            lanes.Complete(lane, messages.Length);
            lanes.Release(lane);
        }
    }

    private static (ProcessQueue Window, KeyQueues Lanes) Filled(params string?[] keys)
    {
        var window = new ProcessQueue(0);
        window.Add([.. keys.Select((key, offset) => TestMessages.At(offset, shardingKey: key))], keys.Length);
        var lanes = new KeyQueues();
        lanes.Add(window.TakeAside(keys.Length));
        return (window, lanes);
    }

    /// <summary>Whoever reads the length of the message's body from now on reads 0.</summary>
    private static void OverwriteLength(MessageExt message)
    {
        Assert.True(MemoryMarshal.TryGetArray(message.Body, out var body));
        body.Array.AsSpan(body.Offset - sizeof(int), sizeof(int)).Clear();
        Assert.Equal(0, message.Body.Length);
    }

    private sealed class Model
    {
        private readonly KeyQueues _lanes = new();
        private readonly ProcessQueue _window = new(0);
        private readonly Dictionary<string, Queue<long>> _expected = [];
        private readonly List<(KeyQueue Lane, MessageExt[] Messages)> _taken = [];
        private readonly List<KeyQueue> _blocked = [];
        private readonly HashSet<long> _nameless = [];
        private readonly SortedSet<long> _open = [];
        private long _next;

        public void Run(IEnumerable<int> choices)
        {
            foreach (var choice in choices)
            {
                Step(choice % 5, choice / 5);
                Assert.Equal(_open.Count == 0 ? _next : _open.Min, _window.Watermark);
                Assert.Equal(_taken.Sum(one => one.Messages.Length), _lanes.InFlight);
                Assert.Equal(_blocked.Count, _lanes.Blocked.Count);
            }

            while (_open.Count > 0)
            {
                Step(4, 0);
                Step(1, 6);
                Step(2, 0);
            }

            Assert.False(_lanes.HasReady);
            Assert.Equal(_next, _window.Watermark);
        }

        private void Step(int what, int choice)
        {
            switch (what)
            {
                case 0:
                    Add(choice % 20);
                    break;
                case 1 when _lanes.Take(1 + (choice % 7), out var messages) is { } lane:
                    Take(lane, messages, 1 + (choice % 7));
                    break;
                case 2 when _taken.Count > 0:
                    Settle(choice, _taken[choice % _taken.Count].Messages.Length, fails: false);
                    break;
                case 3 when _taken.Count > 0:
                    Settle(choice, choice % _taken[choice % _taken.Count].Messages.Length, fails: true);
                    break;
                case 4 when _blocked.Count > 0:
                    var waited = _blocked[choice % _blocked.Count];
                    _blocked.Remove(waited);
                    _lanes.Unblock(waited, waited.Turn);
                    break;
            }
        }

        private void Add(int count)
        {
            var added = new List<MessageExt>();
            for (; count > 0; count--)
            {
                var key = (_next * 7919 % 11) switch { 0 => null, var number => $"k{number % 5}" };
                added.Add(TestMessages.At(_next, shardingKey: key));
                _open.Add(_next);
                if (key is null)
                {
                    _nameless.Add(_next);
                }
                else if (_expected.TryGetValue(key, out var queue))
                {
                    queue.Enqueue(_next);
                }
                else
                {
                    _expected[key] = new([_next]);
                }

                _next++;
            }

            _window.Add(added, _next);
            var range = _window.TakeAside(int.MaxValue);
            if (!range.IsEmpty)
            {
                _lanes.Add(range);
            }
        }

        private void Take(KeyQueue lane, MessageExt[] messages, int most)
        {
            Assert.InRange(messages.Length, 1, lane.Failures > 0 ? 1 : most);
            Assert.DoesNotContain(_taken, one => ReferenceEquals(one.Lane, lane));
            Assert.DoesNotContain(lane, _blocked);
            if (lane.Key is { } key)
            {
                Assert.Equal(_expected[key].Take(messages.Length), messages.Select(message => message.QueueOffset));
            }
            else
            {
                Assert.All(messages, message => Assert.Contains(message.QueueOffset, _nameless));
            }

            _taken.Add((lane, messages));
        }

        private void Settle(int choice, int succeeded, bool fails)
        {
            var (lane, messages) = _taken[choice % _taken.Count];
            _taken.RemoveAt(choice % _taken.Count);
            foreach (var message in messages.Take(succeeded))
            {
                Assert.True(_open.Remove(message.QueueOffset));
                if (lane.Key is { } key)
                {
                    Assert.Equal(message.QueueOffset, _expected[key].Dequeue());
                }
                else
                {
                    Assert.True(_nameless.Remove(message.QueueOffset));
                }
            }

            _lanes.Complete(lane, succeeded);
            if (fails)
            {
                lane.Failures++;
                _lanes.Block(lane, "failed");
                _blocked.Add(lane);
            }
            else
            {
                _lanes.Release(lane);
            }
        }
    }
}
