using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;
using Xunit;

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>The checker says no where it must, and nowhere else.</summary>
public sealed class LedgerTests
{
    private readonly SimulatedWorld _world;
    private readonly SimulatedQueue _queue;
    private readonly QueueLedger _ledger;
    private readonly Hand _first = new("first");
    private readonly Hand _second = new("second");

    public LedgerTests()
    {
        var seed = Enumerable.Range(1, 100).First(seed => Setup.Of(seed).Mode == Mode.Orderly);
        _world = new SimulatedWorld(Setup.Of(seed), new SimulatedScheduler(SeededRandom.Of(1, "steps"), new Trace()), new Coverage());
        (_queue, _ledger) = (_world.Queues[0], _world.Ledgers[0]);
        for (var message = 0; message < 5; message++)
        {
            _world.Send(_queue, 0, (origin, offset) => new SimulatedMessage(origin, offset, 0, 0, 8, 0, false));
        }
    }

    [Fact]
    public void A_commit_over_a_message_that_is_not_consumed_is_a_loss()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        Consume(window, 0);
        _ledger.Commits(_first, 1);
        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_first, 2));
    }

    [Fact]
    public void A_message_consumed_before_the_queue_was_moved_back_must_come_again()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        Consume(window, 0);
        _ledger.MoveHolds(0);
        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_first, 1));
    }

    [Fact]
    public void What_is_in_work_while_the_queue_is_moved_back_counts_for_before()
    {
        var delivery = HandOut(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        _ledger.MoveHolds(0);
        _ledger.Ended(delivery, DeliveryEnd.Done);
        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_first, 1));
    }

    [Fact]
    public void A_message_the_queue_was_moved_over_need_not_come()
    {
        _ledger.Begins(_first, WindowOrigin.Store, 0);
        _ledger.MoveHolds(3);
        _ledger.Commits(_first, 3);
    }

    [Fact]
    public void An_owner_that_begins_behind_a_message_that_is_not_consumed_loses_it()
        => Fails(QueueLedger.NothingLost, () => _ledger.Begins(_first, WindowOrigin.Store, 1));

    [Fact]
    public void A_progress_that_calls_a_message_done_that_is_not_loses_it()
        => Fails(QueueLedger.NothingLost, () => _ledger.Begins(_first, WindowOrigin.HandOver, 0, new AckSnapshot(0, 3, [0, 2])));

    [Fact]
    public void A_message_in_work_is_given_to_nobody_else_by_the_same_owner()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        HandOut(window, 0);
        Fails(QueueLedger.NoDuplicate, () => HandOut(window, 0));
    }

    [Fact]
    public void A_message_that_was_consumed_does_not_come_again_to_the_same_window()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        Consume(window, 0);
        Fails(QueueLedger.NoDuplicate, () => HandOut(window, 0));
    }

    [Fact]
    public void A_message_that_was_consumed_before_it_showed_that_another_member_went_on_does_not_come_again()
    {
        Consume(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        _world.Time.Advance(TimeSpan.FromSeconds(1).Ticks);
        var window = _ledger.Begins(_first, WindowOrigin.Overtaken, 0);
        Fails(QueueLedger.NoDuplicate, () => HandOut(window, 0));
    }

    [Fact]
    public void A_message_a_listener_had_when_it_showed_that_another_member_went_on_may_come_again()
    {
        var delivery = HandOut(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        var window = _ledger.Begins(_first, WindowOrigin.Overtaken, 0);
        _ledger.Ended(delivery, DeliveryEnd.Done);
        Consume(window, 0);
    }

    [Fact]
    public void A_message_does_not_come_again_before_the_time_its_listener_has_said()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        var delivery = HandOut(window, 0);
        _ledger.Ended(delivery, DeliveryEnd.Returned);
        delivery.NotBefore = TimeSpan.FromSeconds(1).Ticks;
        Fails(QueueLedger.NotBeforeAsked, () => HandOut(window, 0));
        _world.Time.Advance(TimeSpan.FromSeconds(1).Ticks);
        Consume(window, 0);
    }

    [Fact]
    public void What_is_behind_a_rejected_message_of_its_batch_comes_again_as_long_as_nobody_has_taken_that_and_nothing_overtakes_them()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        var rejected = RejectFirstOfTwo(window);
        Fails(QueueLedger.InOrder, () => HandOut(window, 2));

        _ledger.SafelyElsewhere(0, isHeard: true);
        Fails(QueueLedger.NoDuplicate, () => HandOut(window, 1));
        Consume(window, 2);

        rejected.End = DeliveryEnd.Returned;
        Consume(window, 1);
    }

    [Fact]
    public void What_is_consumed_and_not_committed_by_its_listener_must_not_be_committed_by_its_owner()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        var delivery = HandOut(window, 0);
        _ledger.Ended(delivery, DeliveryEnd.Done);
        _ledger.Ended(delivery, DeliveryEnd.Uncommitted);
        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_first, 1));

        _ledger.Ended(delivery, DeliveryEnd.Done);
        _ledger.Commits(_first, 1);
    }

    [Fact]
    public void A_message_that_came_back_is_tried_again()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        _ledger.Ended(HandOut(window, 0), DeliveryEnd.Returned);
        Consume(window, 0);
    }

    [Fact]
    public void A_message_that_was_consumed_before_a_hand_over_does_not_come_again()
    {
        var former = _ledger.Begins(_first, WindowOrigin.Store, 0);
        Consume(former, 0);
        former.TakenAt = TimeSpan.FromSeconds(1).Ticks;
        var window = _ledger.Begins(_second, WindowOrigin.HandOver, 0, new AckSnapshot(0, 1, [0]), former);
        Fails(QueueLedger.NoDuplicate, () => HandOut(window, 0));
    }

    [Fact]
    public void What_is_behind_a_rejected_message_that_nobody_has_taken_comes_again_to_the_next_owner_too()
    {
        var former = _ledger.Begins(_first, WindowOrigin.Store, 0);
        var rejected = RejectFirstOfTwo(former);
        former.TakenAt = TimeSpan.FromSeconds(1).Ticks;
        var window = _ledger.Begins(_second, WindowOrigin.HandOver, 0, new AckSnapshot(0, 2, [0, 1]), former);

        Consume(window, 0);
        rejected.End = DeliveryEnd.Done;
        Fails(QueueLedger.NoDuplicate, () => HandOut(window, 1));
        rejected.End = DeliveryEnd.Returned;
        Consume(window, 1);
    }

    [Fact]
    public void A_message_that_was_consumed_and_not_committed_comes_again_to_a_new_owner()
    {
        Consume(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        Consume(_ledger.Begins(_second, WindowOrigin.Store, 0), 0);
        Assert.Equal(1, _world.Coverage.Duplicates[QueueLedger.NewOwner]);
    }

    [Fact]
    public void A_message_that_overtakes_another_is_out_of_order()
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        Consume(window, 0);
        Fails(QueueLedger.InOrder, () => HandOut(window, 2));
    }

    [Fact]
    public void A_move_that_its_owner_hears_of_after_another_went_on_from_there_wants_nothing_again()
    {
        Consume(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        _ledger.Stored(0, isMove: true, _first);
        Consume(_ledger.Begins(_second, WindowOrigin.Store, 0), 0);
        _ledger.MoveHeard(_first, 0, isReset: true);
        _ledger.Commits(_second, 1);

        // The next one to the same offset is another one.
        _ledger.MoveHeard(_first, 0, isReset: true);
        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_second, 1));
    }

    [Fact]
    public void A_move_that_its_owner_hears_of_after_another_has_moved_the_queue_again_wants_nothing_again()
    {
        Consume(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        _ledger.Stored(0, isMove: true, _first);
        var window = _ledger.Begins(_second, WindowOrigin.Store, 0);
        Consume(window, 0);
        Consume(window, 1);
        _ledger.Stored(1, isMove: true, _second);
        _ledger.MoveHeard(_second, 1, isReset: false);
        Consume(_ledger.Begins(_second, WindowOrigin.Move, 1), 1);

        _ledger.MoveHeard(_first, 0, isReset: false);

        _ledger.Commits(_second, 2);
        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_second, 3));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_seek_that_is_refused_wants_nothing_again_though_another_member_began_there(bool isRefused)
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        Consume(window, 0);
        Consume(window, 1);
        Consume(window, 2);
        _queue.Store(0, isMove: true);
        _ledger.Stored(0, isMove: true, _first);
        _ledger.OtherMember(1);
        if (isRefused)
        {
            _ledger.SeekRefused();
            _ledger.Commits(_first, 3);
        }

        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_first, isRefused ? 4 : 3));
    }

    [Fact]
    public void A_listener_that_ends_at_a_former_owner_says_nothing_of_the_order_at_the_next_one()
    {
        var late = HandOut(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        var window = _ledger.Begins(_second, WindowOrigin.Store, 0);
        Consume(window, 0);
        _ledger.Ended(late, DeliveryEnd.Unheard);
        Consume(window, 1);
    }

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(false, true, false)]
    [InlineData(true, false, false)]
    public void A_record_of_before_a_move_hides_messages_only_when_a_broker_demanded_it_and_the_storage_did_not_let_go(
        bool isReset, bool hasFailed, bool mayHide)
    {
        Consume(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        _world.Time.Advance(TimeSpan.FromMinutes(1).Ticks);
        if (hasFailed)
        {
            _world.Struck(FaultKind.StorageSlow, _queue.Index);
        }

        _queue.Store(0, isMove: true);
        _ledger.MoveHeard(_first, 0, isReset);
        Assert.Equal(mayHide, _ledger.MayHideReset(movesBefore: 0));
        Assert.False(_ledger.MayHideReset(movesBefore: 1));

        void Begin() => _ledger.Begins(
            _second, WindowOrigin.Store, 1, new AckSnapshot(1, 1, []), hidesReset: _ledger.MayHideReset(movesBefore: 0));
        if (mayHide)
        {
            Begin();
            Assert.Equal(1, _world.Coverage.Hidden);
        }
        else
        {
            Fails(QueueLedger.NothingLost, Begin);
        }
    }

    [Fact]
    public void What_another_member_has_consumed_stays_consumed_when_a_listener_takes_back_that_it_has()
    {
        var delivery = HandOut(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        _ledger.OtherMember(2);
        _ledger.Ended(delivery, DeliveryEnd.Done);
        _ledger.TakeBack(delivery);
        _ledger.Begins(_second, WindowOrigin.Store, 2);

        _ledger.MoveHolds(0);
        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_second, 2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_former_owner_has_seen_consumed_stays_so_when_it_is_taken_back_at_the_next_one(bool rollsBack)
    {
        Consume(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        var delivery = HandOut(_ledger.Begins(_second, WindowOrigin.Store, 0), 0);
        _ledger.Ended(delivery, rollsBack ? DeliveryEnd.Uncommitted : DeliveryEnd.Done);
        _ledger.TakeBack(delivery);

        // By what the former owner has written down.
        _ledger.Begins(_first, WindowOrigin.Store, 0, new AckSnapshot(0, 1, []));

        _ledger.MoveHolds(0);
        Fails(QueueLedger.NothingLost, () => _ledger.Begins(_first, WindowOrigin.Store, 0, new AckSnapshot(0, 1, [])));
    }

    [Fact]
    public void What_a_former_owner_has_seen_consumed_is_not_overtaken_where_it_comes_again_and_is_taken_back()
    {
        Consume(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        var window = _ledger.Begins(_second, WindowOrigin.Store, 0);
        var delivery = HandOut(window, 0);
        _ledger.Ended(delivery, DeliveryEnd.Done);
        _ledger.TakeBack(delivery);
        Fails(QueueLedger.InOrder, () => HandOut(window, 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_no_owner_has_seen_consumed_must_come_again_when_it_is_taken_back(bool isSameOwner)
    {
        var window = _ledger.Begins(_first, WindowOrigin.Store, 0);
        _ledger.Ended(HandOut(window, 0), DeliveryEnd.Unheard);
        var delivery = HandOut(isSameOwner ? window : _ledger.Begins(_second, WindowOrigin.Store, 0), 0);
        _ledger.Ended(delivery, DeliveryEnd.Done);
        _ledger.TakeBack(delivery);

        Fails(QueueLedger.NothingLost, () => _ledger.Begins(_first, WindowOrigin.Store, 0, new AckSnapshot(0, 1, [])));
    }

    [Fact]
    public void A_queue_that_ends_while_its_listener_has_a_message_has_not_waited_for_it()
    {
        var delivery = HandOut(_ledger.Begins(_first, WindowOrigin.Store, 0), 0);
        _ledger.Left(_second);
        Fails(QueueLedger.ListenersAwaited, () => _ledger.Left(_first));

        _ledger.Ended(delivery, DeliveryEnd.Done);
        _ledger.Left(_first);
    }

    [Fact]
    public void What_the_subscription_left_out_for_the_former_owner_stays_left_out_and_what_it_did_not_must_come()
    {
        var former = _ledger.Begins(_first, WindowOrigin.Store, 0);
        _ledger.Pulled(former, 0, 5, [_queue.Messages[0], _queue.Messages[2], _queue.Messages[4]]);
        Consume(former, 0);
        former.TakenAt = TimeSpan.FromSeconds(1).Ticks;
        var window = _ledger.Begins(_second, WindowOrigin.HandOver, 2, new AckSnapshot(2, 4, [2]), former);

        _ledger.Pulled(window, 2, 5, [.. _queue.Messages.Skip(2)]);

        Consume(window, 2);
        _ledger.Commits(_second, 4);
        Fails(QueueLedger.NothingLost, () => _ledger.Commits(_second, 5));
    }

    [Fact]
    public void A_message_never_consumed_is_missing_at_the_end()
    {
        _queue.Store(5, isMove: false);
        Fails(QueueLedger.NothingLost, _ledger.CheckEnd);
    }

    private static void Fails(string rule, Action act) => Assert.Equal(rule, Assert.Throws<SimulationException>(act).Rule);

    private Delivery HandOut(WindowRecord window, long offset, long? batchFirst = null) => _ledger.HandOut(
        window, MessageDecoder.DecodeAll(Records.Encode(_queue, _queue.Read(offset, 1)), "broker").Single(), batchFirst ?? offset);

    /// <summary>A batch of two of which the first is to be a dead letter, and nobody has taken it yet.</summary>
    private Delivery RejectFirstOfTwo(WindowRecord window)
    {
        var (rejected, behind) = (HandOut(window, 0, 0), HandOut(window, 1, 0));
        _ledger.Ended(behind, DeliveryEnd.Done);
        _ledger.TakeBack(rejected);
        behind.Behind = rejected;
        return rejected;
    }

    private void Consume(WindowRecord window, long offset) => _ledger.Ended(HandOut(window, offset), DeliveryEnd.Done);

    private sealed class Hand(string name) : IHandsOut
    {
        public string Name => name;
    }
}
