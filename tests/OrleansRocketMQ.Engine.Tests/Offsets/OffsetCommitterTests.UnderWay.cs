using OrleansRocketMQ.Engine.Offsets;

namespace OrleansRocketMQ.Engine.Tests.Offsets;

/// <summary>Offsets that are on their way to the store and may come there after later ones.</summary>
public sealed partial class OffsetCommitterTests
{
    [Fact]
    public void The_last_offset_is_told_when_a_pull_that_was_given_up_has_brought_what_it_carries()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        var leaving = _world.Begin(() => commits.LeaveAsync(() => 20));
        _world.Wait(0.3);
        Assert.False(leaving.IsCompleted);
        Assert.Equal([10L], _store.Told);

        _store.Stored = 12;
        _world.Wait(0.5);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal([10L, 20L], _store.Told);
        Assert.Equal((20L, 20L), (_store.Stored, commits.Committed));
    }

    [Fact]
    public void What_the_pull_carried_and_the_broker_has_already_costs_a_stop_one_look()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        _store.Stored = 12;
        Leave(commits, 20);

        Assert.Equal(1, _store.Reads);
        Assert.Equal([10L, 20L], _store.Told);
    }

    [Fact]
    public void A_store_that_may_have_had_the_offset_before_does_not_show_that_a_pull_has_come()
    {
        // Begun at what the store had, and that is what the first pull carries.
        var commits = new OffsetCommitter(Queue, _store, _world.Time);
        _store.Stored = 12;
        commits.Piggyback(12, toSlave: false);

        Assert.Equal(0, commits.Piggyback(20, toSlave: false));
        Commit(commits, 20);
        Assert.Equal(0, commits.Piggyback(30, toSlave: false));
    }

    [Fact]
    public void A_pull_does_not_carry_what_a_commit_is_telling()
    {
        var commits = At(10);
        var answer = _store.Answer = new TaskCompletionSource();
        var committing = _world.Begin(() => commits.CommitAsync(() => 12));

        Assert.Equal(0, commits.Piggyback(12, toSlave: false));
        Assert.Equal(13, commits.Piggyback(13, toSlave: false));
        _world.Do(() =>
        {
            answer.SetResult();
            return committing;
        });
        Assert.Equal(12, commits.Committed);
    }

    [Fact]
    public void Of_two_offsets_that_are_the_same_a_store_that_has_it_shows_one()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        _store.LosesAnswers = true;
        Assert.NotNull(_world.Begin(() => commits.CommitAsync(() => 12)).Exception);
        _store.LosesAnswers = false;
        _store.Stored = 12;
        Commit(commits, 14);
        Commit(commits, 14);

        // One of them comes after the commit.
        _store.Stored = 12;
        Commit(commits, 14);
        Assert.Equal(14, _store.Stored);
    }

    [Fact]
    public void A_round_of_commits_does_not_wait_for_a_queue_that_takes_its_time_to_leave()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        var leaving = _world.Begin(() => commits.LeaveAsync(() => 20));
        Assert.False(leaving.IsCompleted);

        Assert.True(commits.CommitAsync(() => 20).IsCompletedSuccessfully);
    }

    [Fact]
    public void A_stop_without_anything_under_way_costs_no_look()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        commits.PiggybackAcked();
        commits.Piggyback(14, toSlave: false);
        commits.PiggybackDropped();
        Leave(commits, 20);

        Assert.Equal(0, _store.Reads);
        Assert.Equal([10L, 20L], _store.Told);
    }

    [Fact]
    public void A_pull_that_never_arrives_is_waited_for_three_seconds_and_the_last_offset_is_looked_at_once_more()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        var leaving = _world.Begin(() => commits.LeaveAsync(() => 20));
        _world.Wait(2.9);
        Assert.False(leaving.IsCompleted);
        Assert.InRange(_store.Reads, 3, 20);
        _world.Wait(0.2);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal([10L, 20L], _store.Told);
        Assert.Equal(20, _store.Stored);
    }

    [Fact]
    public void A_broker_that_does_not_say_what_it_has_is_not_waited_for()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        _store.FailsToRead = true;
        Assert.True(_world.Begin(() => commits.LeaveAsync(() => 20)).IsCompleted);

        Assert.Equal(20, _store.Stored);
    }

    [Fact]
    public void Nothing_is_told_at_the_end_when_that_is_not_allowed_any_more_after_the_wait()
    {
        var commits = At(10);
        var last = 20L;
        commits.Piggyback(12, toSlave: false);
        var leaving = _world.Begin(() => commits.LeaveAsync(() => last));
        last = -1;
        _world.Wait(1);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal([10L], _store.Told);
    }

    [Fact]
    public void A_look_that_shows_less_tells_nothing_when_the_fence_has_closed_meanwhile()
    {
        var commits = At(10);
        var watermark = 10L;
        _store.Stored = 3;
        _store.OnRead = () => watermark = -1;
        commits.LookAgain();
        _world.Do(() => commits.CommitAsync(() => watermark));
        Assert.Equal([10L], _store.Told);

        (watermark, _store.OnRead, _store.Overtaken) = (10, null, 3);
        commits.Piggyback(12, toSlave: false);
        var leaving = _world.Begin(() => commits.LeaveAsync(() => watermark));
        _world.Wait(2.9);
        _store.OnRead = () => watermark = _store.Told.Count > 1 ? -1 : watermark;
        _world.Wait(0.5);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal([10L, 10L], _store.Told);
        Assert.Equal(3, _store.Stored);
    }

    [Fact]
    public void While_a_pull_that_was_given_up_may_still_arrive_no_other_carries_an_offset_and_commits_tell_them()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        Assert.Equal(0, commits.Piggyback(14, toSlave: false));
        commits.PiggybackAcked();
        Assert.Equal(10, commits.Committed);

        Commit(commits, 14);
        Assert.Equal(14, _store.Stored);
        Assert.Equal(0, commits.Piggyback(16, toSlave: false));

        // It comes after all.
        _store.Stored = 12;
        Commit(commits, 14);
        Assert.Equal([10L, 14L, 14L], _store.Told);
        Assert.Equal(14, _store.Stored);
        Assert.Equal(16, commits.Piggyback(16, toSlave: false));
    }

    [Fact]
    public void The_next_commit_sees_what_a_pull_that_was_given_up_has_brought_and_pulls_carry_again()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        _store.Stored = 12;
        Commit(commits, 12);

        Assert.Equal((12L, 1), (commits.Committed, _store.Reads));
        Assert.Equal([10L], _store.Told);
        Assert.Equal(15, commits.Piggyback(15, toSlave: false));
    }

    [Fact]
    public void A_store_that_has_more_than_a_pull_carried_has_it_from_another_member_and_does_not_show_that_the_pull_has_come()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        _store.Stored = 15;
        Commit(commits, 20);
        Assert.Equal(0, commits.Piggyback(21, toSlave: false));

        // It comes after all.
        _store.Stored = 12;
        Commit(commits, 20);
        Assert.Equal(20, _store.Stored);
        Assert.Equal(21, commits.Piggyback(21, toSlave: false));
    }

    [Fact]
    public void What_has_not_come_after_ten_seconds_is_taken_for_lost()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        Commit(commits, 13);
        _world.Time.Advance(TimeSpan.FromSeconds(9.9));
        Commit(commits, 13);
        Assert.Equal(0, commits.Piggyback(15, toSlave: false));
        _world.Time.Advance(TimeSpan.FromSeconds(0.1));
        Commit(commits, 13);

        Assert.Equal(15, commits.Piggyback(15, toSlave: false));
        Assert.Equal([10L, 13L], _store.Told);
        commits.PiggybackAcked();
        var reads = _store.Reads;
        Leave(commits, 15);
        Assert.Equal(reads, _store.Reads);
    }

    [Fact]
    public void A_steady_load_carries_its_news_with_every_pull_and_asks_nothing()
    {
        var commits = At(10);
        for (var offset = 11; offset < 111; offset++)
        {
            Assert.Equal(offset, commits.Piggyback(offset, toSlave: false));
            commits.PiggybackAcked();
            Commit(commits, offset);
        }

        Assert.Equal((0, 110L), (_store.Reads, commits.Committed));
        Assert.Equal([10L], _store.Told);
    }

    [Fact]
    public void A_seek_without_an_answer_that_comes_after_all_is_undone_and_never_counts_as_consumed()
    {
        var commits = At(10);
        _store.LosesAnswers = true;
        Assert.True(_world.Begin(() => commits.MoveAsync(40, () => true, () => { }, CancellationToken.None)).IsFaulted);
        _store.LosesAnswers = false;
        Commit(commits, 11);
        _store.Stored = 40;
        Commit(commits, 11);

        Assert.Equal((11L, 11L), (_store.Stored, commits.Committed));
    }

    [Fact]
    public void What_was_under_way_when_another_member_may_have_gone_on_never_counts_as_consumed()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        _world.Do(() => commits.ForgetAsync(() => { }, CancellationToken.None));
        _store.Stored = 12;
        Commit(commits, 5);

        Assert.Equal((5L, 5L), (_store.Stored, commits.Committed));
    }

    [Fact]
    public void What_the_store_had_before_a_move_it_did_not_take_does_not_show_that_a_pull_has_arrived()
    {
        var commits = At(10);
        _store.Fails = true;
        _world.Do(() => commits.MoveAsync(4, () => true, () => { }, CancellationToken.None, evenIfNotStored: () => true));
        _store.Fails = false;
        commits.Piggyback(5, toSlave: false);
        _world.Do(async () => Assert.Equal(10, await commits.AskAsync(CancellationToken.None)));

        Assert.Equal((4L, true), (commits.Committed, commits.HasUnstoredMove));
        Commit(commits, 5);
        Assert.Equal(5, _store.Stored);
    }

    [Fact]
    public void A_pull_of_after_a_reset_that_was_not_taken_does_not_overtake_the_last_offset()
    {
        var commits = At(30);
        _store.Fails = true;
        _world.Do(() => commits.MoveAsync(4, () => true, () => { }, CancellationToken.None, evenIfNotStored: () => true));
        _store.Fails = false;
        commits.Piggyback(5, toSlave: false);

        // What the store had before may be as much: it shows only after the last offset that the pull comes later.
        var leaving = _world.Begin(() => commits.LeaveAsync(() => 20));
        _world.Wait(0.3);
        Assert.False(leaving.IsCompleted);
        _store.Stored = 5;
        _world.Wait(0.5);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal([30L, 20L, 20L], _store.Told);
        Assert.Equal(20, _store.Stored);
    }
}
