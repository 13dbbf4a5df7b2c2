using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;
using Xunit;

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>The checker says no to a wrong count of failures, and to no other.</summary>
public sealed class AttemptBookTests
{
    private readonly SimulatedWorld _world;
    private readonly SimulatedQueue _queue;
    private readonly AttemptBook _book;
    private readonly WindowRecord _window;

    public AttemptBookTests()
    {
        var seed = Enumerable.Range(1, 1000).First(
            seed => Setup.Of(seed) is { Mode: Mode.Orderly, KeepsFailureCounts: true, MayStandStill: false });
        _world = new SimulatedWorld(Setup.Of(seed), new SimulatedScheduler(SeededRandom.Of(1, "steps"), new Trace()), new Coverage());
        (_queue, _book) = (_world.Queues[0], _world.Attempts);
        _world.Send(_queue, 0, (origin, offset) => new SimulatedMessage(origin, offset, 0, 0, 8, 2, false));
        _window = Begin();
    }

    [Fact]
    public void What_a_message_says_itself_and_what_its_owner_has_heard_is_told()
    {
        Tell(_window, 2);
        Fail(times: 2);
        Tell(_window, 4);
        Refuses(AttemptBook.CountsRight, () => Tell(_window, 3));
        Refuses(AttemptBook.CountsRight, () => Tell(_window, 5));
    }

    [Fact]
    public void A_message_that_says_something_else_than_its_queue_is_wrong()
        => Refuses(AttemptBook.CountsRight, () => _book.Told(_queue, _window, _queue.Messages[0], own: 1, told: 2));

    [Fact]
    public void A_failure_nobody_has_heard_of_may_be_counted_or_not()
    {
        _book.Failed(0, _window, 0, counts: false);
        Tell(_window, 2);
        Tell(_window, 3);
    }

    [Fact]
    public void A_new_owner_goes_on_counting_where_counts_are_stored()
    {
        Fail(times: 2);
        _world.Time.Advance(TimeSpan.FromSeconds(2).Ticks);
        var next = Begin();
        Tell(next, 4);
        Refuses(AttemptBook.CountsRight, () => Tell(next, 2));
    }

    [Fact]
    public void A_new_owner_may_begin_to_count_again_when_the_storage_had_no_time_or_has_failed()
    {
        Fail(times: 1);
        Tell(Begin(), 2);
        _world.Time.Advance(TimeSpan.FromSeconds(2).Ticks);
        _world.Struck(FaultKind.StorageForgets, 0);
        Tell(Begin(), 2);
    }

    [Fact]
    public void A_new_owner_may_not_know_what_failed_just_before_the_former_one_died()
    {
        Fail(times: 1);
        _world.Time.Advance(TimeSpan.FromSeconds(2).Ticks);
        Fail(times: 1);
        _book.OwnerDied(0);
        _world.Time.Advance(TimeSpan.FromSeconds(4).Ticks);
        var next = Begin();
        Tell(next, 3);
        Tell(next, 4);
        Refuses(AttemptBook.CountsRight, () => Tell(next, 2));
    }

    [Fact]
    public void What_was_consumed_or_moved_over_or_taken_by_another_member_may_be_counted_again()
    {
        foreach (var forget in new Action[] { () => _book.Done(0, 0), () => _book.Forget(0), () => _world.Ledgers[0].MoveHolds(0) })
        {
            Fail(times: 1);
            _world.Time.Advance(TimeSpan.FromSeconds(2).Ticks);
            forget();
            Tell(Begin(), 2);
        }
    }

    [Fact]
    public void A_message_is_given_up_when_it_has_failed_once_more_than_it_may_and_not_before()
    {
        Fail(times: SimulatedWorld.MaxAttempts - 2);
        Refuses(AttemptBook.NotTooSoon, () => _book.GivenUp(0, _queue.Messages[0]));
        Fail(times: 1);
        _book.GivenUp(0, _queue.Messages[0]);
    }

    [Fact]
    public void What_its_listener_has_rejected_is_given_up_however_often_it_has_failed_and_does_not_come_again()
    {
        _book.Reject(0, _window, 0);
        _book.GivenUp(0, _queue.Messages[0]);
        Refuses(AttemptBook.RejectedDies, () => _book.ComesAgain(0, _queue.Messages[0]));
        _book.Tried(0, 0);

        // Its listener has it once more, and may say something else.
        Tell(_window, 2);
        _book.ComesAgain(0, _queue.Messages[0]);
        Refuses(AttemptBook.NotTooSoon, () => _book.GivenUp(0, _queue.Messages[0]));
    }

    [Fact]
    public void What_its_listener_has_rejected_comes_again_only_when_somebody_was_asked_to_take_it_or_one_before_it()
    {
        _book.Reject(0, _window, 0);
        Refuses(AttemptBook.RejectedDies, () => Tell(_window, 2));

        _book.Reject(0, _window, 5);
        _book.Tried(0, 5);
        _book.Reject(0, _window, 0, behind: 5);
        Tell(_window, 2);

        _book.Reject(0, _window, 0);
        Tell(Begin(), 2);
    }

    [Fact]
    public void A_dead_letter_says_why_when_its_listener_has_rejected_it_and_nothing_else_when_not()
    {
        var message = _queue.Messages[0];
        Refuses(AttemptBook.ReasonTold, () => _book.Says(0, message, AttemptBook.Reason));
        _book.Says(0, message, "failed");
        _book.Reject(0, _window, 0);
        Refuses(AttemptBook.ReasonTold, () => _book.Says(0, message, null));
        _book.Says(0, message, AttemptBook.Reason);

        // One that says why was refused.
        _book.Tried(0, 0);
        _book.Tried(0, 0);
        _book.Says(0, message, null);
        Refuses(AttemptBook.ReasonTold, () => _book.Says(0, message, "failed"));
    }

    [Fact]
    public void A_copy_says_one_failure_more_than_its_message()
    {
        _book.ComesAgain([(0, _queue.Messages[0])], told: 3);
        Refuses(AttemptBook.CountsRight, () => _book.ComesAgain([(0, _queue.Messages[0])], told: 2));
    }

    [Fact]
    public void Nothing_is_asked_of_a_queue_whose_owners_count_what_does_not_end()
    {
        _book.Unknown(0);
        Tell(_window, 9);
    }

    private static void Refuses(string rule, Action act) => Assert.Equal(rule, Assert.Throws<SimulationException>(act).Rule);

    private WindowRecord Begin() => _world.Ledgers[0].Begins(new Hand(), WindowOrigin.Store, 0);

    private void Fail(int times)
    {
        for (var time = 0; time < times; time++)
        {
            _book.Failed(0, _window, 0, counts: true);
        }
    }

    private void Tell(WindowRecord window, int told) => _book.Told(_queue, window, _queue.Messages[0], own: 2, told);

    private sealed class Hand : IHandsOut
    {
        public string Name => "hand";
    }
}
