using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Tests.Offsets;

/// <summary>Queues that leave or are moved.</summary>
public sealed partial class OffsetCommitterTests
{
    [Fact]
    public void A_queue_that_leaves_tells_its_offset_though_it_should_be_known_and_nothing_afterwards()
    {
        var commits = At(10);
        Leave(commits, 10);
        Assert.Equal([10L, 10L], _store.Told);

        _store.Stored = 3;
        commits.LookAgain();
        _world.Time.Advance(TimeSpan.FromMinutes(2));
        Commit(commits, 20);
        Commit(commits, 10);
        Leave(commits, 30);

        Assert.Equal([10L, 10L], _store.Told);
        Assert.Equal(3, _store.Stored);
    }

    [Fact]
    public void What_the_store_has_of_before_a_move_that_it_did_not_take_is_not_told_again_whoever_asked_it_meanwhile()
    {
        var commits = At(10);
        _store.Fails = true;
        _world.Do(() => commits.MoveAsync(3, () => true, () => { }, CancellationToken.None, evenIfNotStored: () => true));
        _store.Fails = false;
        _world.Do(() => _store.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None).AsTask());
        Commit(commits, 4);

        Assert.Equal([10L, 4L], _store.Told);
    }

    [Fact]
    public void A_queue_that_leaves_tells_no_less_than_it_has_told()
    {
        Leave(At(10), 8);

        Assert.Equal([10L, 10L], _store.Told);
    }

    [Fact]
    public void A_queue_has_left_even_if_its_store_did_not_take_the_last_offset()
    {
        var commits = At(10);
        _store.Fails = true;
        Assert.True(_world.Begin(() => commits.LeaveAsync(() => 11)).IsFaulted);
        _store.Fails = false;

        Commit(commits, 12);

        Assert.Equal(10, _store.Stored);
    }

    [Fact]
    public void A_pull_that_comes_after_the_last_offset_all_the_same_is_seen_and_that_is_told_again()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        _store.Overtaken = 12;
        var leaving = _world.Begin(() => commits.LeaveAsync(() => 20));
        _world.Wait(3.1);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal([10L, 20L, 20L], _store.Told);
        Assert.Equal(20, _store.Stored);
    }

    [Fact]
    public void Where_no_pull_carries_anything_older_nothing_is_looked_for_when_the_queue_leaves()
    {
        var commits = At(10);
        Leave(commits, 12);
        commits = At(20);
        commits.Piggyback(25, toSlave: false);
        Leave(commits, 25);

        Assert.Equal(0, _store.Reads);
    }

    [Fact]
    public void A_move_is_stored_be_it_lower_before_anybody_hears_of_it()
    {
        var commits = At(10);
        long? seen = null;
        Move(commits, 4, () => seen = _store.Stored);

        Assert.Equal((4L, 4L), (seen, commits.Committed));
        Commit(commits, 4);
        Assert.Equal([10L, 4L], _store.Told);
    }

    [Fact]
    public void A_move_while_a_pull_carries_an_offset_is_told_once_more_when_that_comes_after_it()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        Move(commits, 4);
        _store.Stored = 12;
        Commit(commits, 4);
        Commit(commits, 4);

        Assert.Equal([10L, 4L, 4L], _store.Told);
        commits.PiggybackAcked();
        Assert.Equal(4, commits.Committed);
    }

    [Fact]
    public void A_move_that_the_store_refuses_leaves_what_is_told_as_it_was_and_is_told_again()
    {
        var commits = At(10);
        var stored = 0;
        _store.Fails = true;
        var moving = _world.Begin(() => commits.MoveAsync(40, () => true, () => stored++, CancellationToken.None));
        Assert.IsType<BrokerNotAvailableException>(moving.Exception!.InnerException);
        Assert.Equal((0, 10L), (stored, _store.Noted));
        _store.Fails = false;

        Commit(commits, 10);
        Assert.Equal([10L, 10L], _store.Told);
        Leave(commits, 12);
        Assert.Equal(12, _store.Stored);
    }

    [Fact]
    public void A_move_of_a_queue_that_has_told_nothing_leaves_nothing_noted_when_it_is_refused()
    {
        var commits = new OffsetCommitter(Queue, _store, _world.Time);
        _store.Fails = true;
        Assert.True(_world.Begin(() => commits.MoveAsync(40, () => true, () => { }, CancellationToken.None)).IsFaulted);

        Assert.Null(_store.Noted);
    }

    [Fact]
    public void A_move_the_broker_demands_is_told_later_when_the_store_refuses_it_and_one_nobody_wants_any_more_is_not_told()
    {
        var commits = At(10);
        var stored = 0;
        _store.Fails = true;
        _world.Do(() => commits.MoveAsync(4, () => true, () => stored++, CancellationToken.None, evenIfNotStored: () => true));
        Assert.Equal((1, 10L), (stored, _store.Stored));
        _store.Fails = false;
        Commit(commits, 4);
        Assert.Equal(4, _store.Stored);

        _world.Do(() => commits.MoveAsync(2, () => false, () => stored++, CancellationToken.None));
        Assert.Equal((1, 4L), (stored, _store.Stored));
    }

    [Fact]
    public void What_the_store_still_has_of_before_a_move_is_never_told_as_what_is_consumed_since()
    {
        var commits = At(10);
        _store.Fails = true;
        _world.Do(() => commits.MoveAsync(4, () => true, () => { }, CancellationToken.None, evenIfNotStored: () => true));
        _store.Fails = false;
        Assert.True(commits.HasUnstoredMove);

        // Whoever asks the store makes it note what it has.
        _world.Do(async () => Assert.Equal(10, await _store.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None)));
        Commit(commits, 5);

        Assert.Equal(5, _store.Told[^1]);
        Assert.Equal((5L, 5L, false), (commits.Committed, _store.Stored, commits.HasUnstoredMove));
    }

    [Fact]
    public void A_queue_that_begins_before_what_the_store_has_tells_where_it_is()
    {
        var commits = new OffsetCommitter(Queue, _store, _world.Time);
        _store.Stored = 20;
        _world.Do(async () => Assert.Equal(20, await _store.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None)));

        Commit(commits, 5);

        Assert.Equal((5L, 5L), (commits.Committed, _store.Stored));
    }

    [Fact]
    public void Asking_the_store_changes_nothing_of_what_is_told()
    {
        var commits = At(10);
        _store.Stored = 30;
        _world.Do(async () => Assert.Equal(30, await commits.AskAsync(CancellationToken.None)));
        Assert.Equal((10L, 10L), (commits.Committed, _store.Noted));

        commits = new OffsetCommitter(Queue, _store, _world.Time);
        _world.Do(async () => Assert.Equal(30, await commits.AskAsync(CancellationToken.None)));
        Assert.Null(_store.Noted);
    }

    [Fact]
    public void What_was_told_is_forgotten_when_another_member_may_have_told_something_else()
    {
        var commits = At(10);
        var applied = false;
        _world.Do(() => commits.ForgetAsync(() => applied = true, CancellationToken.None));

        Assert.Equal((true, -1L), (applied, commits.Committed));
        Commit(commits, 5);
        Assert.Equal([10L, 5L], _store.Told);
    }

    [Fact]
    public void One_is_told_after_the_other_and_whoever_gives_up_waiting_takes_no_turn()
    {
        var commits = At(10);
        _store.Answer = new TaskCompletionSource();
        var first = _world.Begin(() => commits.CommitAsync(() => 11));
        using var gaveUp = new CancellationTokenSource();
        var done = new List<string>();
        var second = _world.Begin(() => commits.InTurnAsync(() => done.Add("second"), gaveUp.Token));
        var third = _world.Begin(() => commits.InTurnAsync(() => done.Add("third"), CancellationToken.None));
        gaveUp.Cancel();
        _world.Steps.Run();
        Assert.True(second.IsCanceled);
        Assert.Empty(done);

        _store.Answer.SetResult();
        _world.Steps.Run();

        Assert.True(first.IsCompletedSuccessfully && third.IsCompletedSuccessfully);
        Assert.Equal(["third"], done);
        Assert.Equal(11, commits.Committed);
    }
}
