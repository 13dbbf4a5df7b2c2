using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>The book of a queue's messages stays right in its corners.</summary>
public sealed class BookTests
{
    private readonly QueueQuotas _budgets = new(new(1000), new(1000), new(1_000_000), new(1_000_000));

    [Fact]
    public void A_queue_that_stops_leases_nothing_of_a_window_that_is_filled_already()
    {
        var runs = new DispatchBuffer(new ProcessQueue(0));
        runs.Close();
        var window = Window(3);

        runs.Restart(window);

        Assert.True(runs.Lease(3).IsEmpty);
        Assert.Equal(0, window.Waiting);
    }

    [Fact]
    public void A_window_whose_place_another_one_has_taken_holds_what_is_leased_and_nothing_else()
    {
        var old = Window(10);
        var runs = new DispatchBuffer(old);
        var (first, second) = (runs.Lease(2), runs.Lease(3));
        old.Return(second.Slice(2, 1));
        Assert.Equal(6, old.Waiting);

        runs.Restart(new ProcessQueue(50));
        Assert.Equal((4, 4, 0, 0L), (old.Count, old.InFlight, old.Waiting, old.MinOffset));
        Assert.Equal(3, old.MaxOffset);
        Assert.True(old.Lease(10).IsEmpty);
        first.Complete();
        Assert.Equal((2, 2L), (old.Count, old.MinOffset));
        second.Slice(0, 2).Complete();

        Assert.Equal((0, 0, -1L, -1L), (old.Count, old.InFlight, old.MinOffset, old.MaxOffset));
        Assert.Equal(0, _budgets.Group.Used);
    }

    [Fact]
    public void A_window_nobody_works_on_is_empty_as_soon_as_another_one_has_taken_its_place()
    {
        var old = Window(10);
        var runs = new DispatchBuffer(old);

        runs.Restart(new ProcessQueue(50));

        Assert.Equal((0, -1L, 10L, 0), (old.Count, old.MinOffset, old.Watermark, old.Waiting));
    }

    [Fact]
    public void What_is_leased_of_each_of_the_windows_before_counts_until_its_lease_ends()
    {
        var runs = new DispatchBuffer(Window(3));
        var first = runs.Lease(2);
        runs.Restart(Window(3));
        var second = runs.Lease(3);
        runs.Restart(new ProcessQueue(50));
        Assert.Equal(5, runs.InFlight);

        first.Complete();
        Assert.Equal(3, runs.InFlight);
        second.Complete();
        Assert.Equal(0, runs.InFlight);
    }

    [Fact]
    public void What_waits_for_a_commit_is_given_back_to_the_quotas_when_it_is_committed()
    {
        var window = Window(3);
        var range = window.TakeAside(2);

        window.CompleteAside(range);

        Assert.Equal((1, 1, 2L), (window.Count, (int)_budgets.Group.Used, window.Watermark));
    }

    [Fact]
    public void Leases_of_messages_one_by_one_end_as_others_do()
    {
        var window = Window(4);
        var range = window.TakeAside(4);
        Assert.Equal(2, window.LeaseAside([range.Place, range.Place + 2]));
        Assert.Equal(2, window.InFlight);
        Assert.True(window.IsLeased(range.Place) && window.IsLeased(range.Place + 2));
        Assert.False(window.IsLeased(range.Place + 1) || window.IsLeased(range.Place + 4) || window.IsLeased(range.Place - 1));

        Assert.True(window.SetAside([range.Place, range.Place + 2]));
        Assert.Equal(0, window.InFlight);
        Assert.Equal(1, window.LeaseAside([range.Place + 2]));
        window.Retire();
        Assert.Equal(1, window.Count);

        Assert.False(window.SetAside([range.Place + 2]));
        Assert.Equal((0, 0, 0L), (window.Count, window.InFlight, _budgets.Group.Used));
        Assert.False(window.IsLeased(range.Place + 2));
    }

    [Fact]
    public void Only_a_message_that_is_leased_counts_as_leased_once_the_ring_has_come_round()
    {
        var window = Window(64);
        var first = window.Lease(1);
        Assert.True(window.IsLeased(first.Place));
        first.Complete();
        Assert.False(window.IsLeased(first.Place));
        window.Lease(63).Complete();
        window.Add(TestMessages.Pull(Offsets(64, 64)), 128);
        var last = window.Lease(64);

        Assert.False(window.IsLeased(first.Place));
        Assert.True(window.IsLeased(last.Place) && window.IsLeased(last.Place + 63));
        Assert.False(window.IsLeased(last.Place + 64));
    }

    [Fact]
    public void What_was_returned_keeps_its_order_while_nothing_may_be_leased()
    {
        var time = new FakeTimeProvider();
        using var rate = new TopicRate(1, time, () => { });
        var window = Window(2);
        var runs = new DispatchBuffer(window);
        var (first, second) = (runs.Lease(1), runs.Lease(1));
        window.Return(first);
        window.Return(second);
        runs.Gate.Set(paused: false, rate);
        Assert.True(runs.Lease(5).IsEmpty);
        Assert.True(runs.Lease(5).IsEmpty);
        Assert.Equal((0, 2), (window.InFlight, window.Waiting));
        runs.Gate.Set(paused: false, rate: null);

        Assert.Equal([0L, 1L], runs.Lease(1).Messages.Concat(runs.Lease(1).Messages).Select(message => message.QueueOffset));
    }

    [Fact]
    public void What_is_done_out_of_order_is_not_held_and_does_not_end_a_batch()
    {
        var time = new FakeTimeProvider();
        var runs = Gathering(new(Messages: 2, Bytes: long.MaxValue, TimeSpan.FromSeconds(1), MostHeld: 4, time));
        runs.Window.Add(TestMessages.Pull(Offsets(0, 2)), 2);
        var range = runs.Lease(5);
        range.Slice(1, 1).Complete();
        runs.Window.Add(TestMessages.Pull(Offsets(2, 1)), 3);
        Assert.NotNull(runs.Due);
        Assert.True(runs.Lease(5).IsEmpty);

        // As soon as the queue may hold no more, nothing waits.
        runs = Gathering(new(Messages: 4, Bytes: long.MaxValue, TimeSpan.FromSeconds(1), MostHeld: 2, time));
        runs.Window.Add(TestMessages.Pull(Offsets(0, 1)), 1);
        Assert.NotNull(runs.Due);
        runs.Window.Add(TestMessages.Pull(Offsets(1, 1)), 2);
        Assert.Null(runs.Due);
        Assert.Equal(2, runs.Lease(5).Messages.Count);
    }

    [Fact]
    public void As_many_bytes_as_a_batch_may_have_are_a_batch()
    {
        var time = new FakeTimeProvider();
        var runs = Gathering(new(Messages: 10, Bytes: 16, TimeSpan.FromSeconds(1), MostHeld: 100, time));
        runs.Window.Add(TestMessages.Pull(Offsets(0, 1)), 1);
        Assert.True(runs.Lease(5).IsEmpty);
        runs.Window.Add(TestMessages.Pull(Offsets(1, 1)), 2);

        Assert.Null(runs.Due);
        Assert.Equal(2, runs.Lease(5).Messages.Count);
        Assert.Null(runs.Due);
    }

    [Fact]
    public void Somebody_looks_at_a_queue_when_it_is_due_first_and_one_is_enough()
    {
        var runs = new DispatchBuffer(Window(1));
        Assert.True(runs.TryWatch(200));
        Assert.False(runs.TryWatch(200));
        Assert.False(runs.TryWatch(300));
        Assert.True(runs.TryWatch(100));

        runs.EndWatch(200);
        Assert.False(runs.TryWatch(150));
        runs.EndWatch(100);
        Assert.True(runs.TryWatch(300));
    }

    [Fact]
    public void After_a_broken_rule_nothing_is_taken_and_a_window_that_was_replaced_stays_so()
    {
        var window = Window(4);
        var range = window.Lease(1);
        range.Complete();
        Assert.Throws<InvariantBrokenException>(range.Complete);
        Assert.True(window.TakeAside(3).IsEmpty);
        Assert.False(window.IsOpen);

        var old = Window(4);
        var runs = new DispatchBuffer(old);
        var (first, second) = (runs.Lease(1), runs.Lease(1));
        runs.Restart(new ProcessQueue(9));
        first.Complete();
        Assert.Throws<InvariantBrokenException>(first.Complete);
        old.Return(second);
        Assert.Equal((0, 0), (old.Count, old.InFlight));
        Assert.NotNull(runs.Gate.Broken);
    }

    [Fact]
    public void The_greatest_offset_is_that_of_the_last_message_not_done()
    {
        var window = new ProcessQueue(0);
        window.Add([TestMessages.At(5), TestMessages.At(9), TestMessages.At(12)], 20);
        window.Lease(2);
        window.Lease(1).Complete();
        Assert.Equal((5L, 9L), (window.MinOffset, window.MaxOffset));

        Assert.Equal((0L, 63L), (Window(64).MinOffset, Window(64).MaxOffset));
    }

    [Fact]
    public void A_ring_that_has_moved_on_grows_before_it_is_full()
    {
        var window = Window(40);
        window.Lease(40).Complete();
        window.Add(TestMessages.Pull(Offsets(40, 70)), 110);

        Assert.Equal(70, window.Count);
        Assert.Equal(Offsets(40, 70), window.Lease(100).Messages.Select(message => message.QueueOffset));
    }

    [Fact]
    public void What_was_never_handed_out_is_not_told_unless_the_owner_before_had_seen_beyond_it()
    {
        var window = new ProcessQueue(new AckSnapshot(0, 5, [0, 3]));
        window.Add(TestMessages.Pull(Offsets(0, 10)), 10);
        Assert.Equal(7, window.Count);
        window.Lease(1);
        Same(new(0, 10, [0, 3, 5, 6, 7, 8, 9]), window.Snapshot());
        window.Lease(1);
        Same(new(0, 5, [0, 3]), window.Snapshot());
        window.Lease(2);
        Same(new(0, 7, [0, 3, 5, 6]), window.Snapshot());
        window.Lease(3).Complete();
        Same(new(0, 10, [0, 3, 5, 6]), window.Snapshot());

        static void Same(AckSnapshot expected, AckSnapshot found)
        {
            Assert.Equal((expected.Watermark, expected.SeenTo), (found.Watermark, found.SeenTo));
            Assert.Equal(expected.Unfinished, found.Unfinished);
        }
    }

    [Fact]
    public void What_waits_stands_behind_the_gate_it_was_given()
    {
        var gate = new DispatchGate();
        var runs = new DispatchBuffer(Window(2), gate);
        Assert.Same(gate, runs.Gate);
        Assert.Equal((2, true), (runs.Waiting, runs.MayLease));

        gate.Fence(closed: true);
        Assert.Equal((0, false), (runs.Waiting, runs.MayLease));
        gate.Fence(closed: false);
        runs.Hold();
        Assert.Equal((0, false), (runs.Waiting, runs.MayLease));
        Assert.True(runs.TryEnterLine());
        Assert.False(runs.TryEnterLine());
        runs.LeaveLine();
        Assert.True(runs.TryEnterLine());
    }

    [Fact]
    public void What_waits_is_dropped_as_if_it_had_not_been_pulled()
    {
        var window = Window(5);
        var range = window.Lease(2);
        window.DropWaiting();
        Assert.Equal((2, 0, 2, 0L), (window.Count, window.Waiting, (int)_budgets.Group.Used, window.Watermark));
        Assert.Equal(1, window.Span);
        window.DropWaiting();
        range.Complete();
        Assert.Equal(2, window.Watermark);

        Assert.Equal(3, window.Add(TestMessages.Pull(Offsets(0, 5)), 5));
        Assert.Equal([2L, 3L, 4L], window.Lease(9).Messages.Select(message => message.QueueOffset));
    }

    private static IEnumerable<long> Offsets(int first, int count) => Enumerable.Range(first, count).Select(offset => (long)offset);

    private static DispatchBuffer Gathering(BatchRule rule) => new(new ProcessQueue(0), rule: rule);

    private ProcessQueue Window(int count)
    {
        var window = new ProcessQueue(0, new QueueQuotaUsage(_budgets));
        window.Add(TestMessages.Pull(Offsets(0, count)), count);
        return window;
    }
}
