using OrleansRocketMQ.Engine.Offsets;

namespace OrleansRocketMQ.Engine.Tests.Offsets;

/// <summary>Commits that had no answer: they may come to the store after the last offset of a queue that leaves.</summary>
public sealed partial class OffsetCommitterTests
{
    [Fact]
    public void A_commit_without_an_answer_is_waited_for_like_a_pull()
    {
        var commits = At(10);
        CommitUnheard(commits, 12);

        var leaving = _world.Begin(() => commits.LeaveAsync(() => 20));
        _world.Wait(0.3);
        Assert.False(leaving.IsCompleted);
        _store.Stored = 12;
        _world.Wait(0.5);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal([10L, 20L], _store.Told);
    }

    [Fact]
    public void A_commit_without_an_answer_keeps_no_pull_from_carrying_news()
    {
        var commits = At(10);
        CommitUnheard(commits, 12);

        Assert.Equal(14, commits.Piggyback(14, toSlave: false));
    }

    [Fact]
    public void A_commit_that_a_pull_with_news_has_overtaken_does_not_overtake_the_last_offset()
    {
        var commits = At(10);
        commits.Piggyback(14, toSlave: false);
        CommitUnheard(commits, 12);
        _store.Stored = 14;

        var leaving = _world.Begin(() => commits.LeaveAsync(() => 20));
        _world.Wait(0.3);
        _store.Stored = 12;
        _world.Wait(3);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal(20, _store.Stored);
    }

    [Fact]
    public void A_commit_that_was_told_again_is_waited_for_though_the_store_has_its_offset()
    {
        var commits = At(10);
        CommitUnheard(commits, 12);
        CommitUnheard(commits, 12);

        // Of the two one has come.
        _store.Stored = 12;
        AssertWaitsAndTellsAgain(commits, comes: 12);
    }

    [Fact]
    public void A_commit_whose_offset_a_pull_carried_as_well_is_waited_for_though_the_store_has_it()
    {
        var commits = At(10);
        CommitUnheard(commits, 12);
        Assert.Equal(12, commits.Piggyback(12, toSlave: false));

        // Of the two one has come.
        _store.Stored = 12;
        AssertWaitsAndTellsAgain(commits, comes: 12);
    }

    [Fact]
    public void A_commit_that_told_once_more_what_the_store_had_is_waited_for()
    {
        var commits = At(10);
        _store.IsSlave = true;
        Commit(commits, 12);
        _store.IsSlave = false;
        CommitUnheard(commits, 12);

        AssertWaitsAndTellsAgain(commits, comes: 12);
    }

    private void CommitUnheard(OffsetCommitter commits, long offset)
    {
        _store.LosesAnswers = true;
        Assert.True(_world.Begin(() => commits.CommitAsync(() => offset)).IsFaulted);
        _store.LosesAnswers = false;
    }

    /// <summary>A stop at 20 is still waiting when what is under way comes, and tells the last offset once more.</summary>
    private void AssertWaitsAndTellsAgain(OffsetCommitter commits, long comes)
    {
        var leaving = _world.Begin(() => commits.LeaveAsync(() => 20));
        _world.Wait(0.3);
        Assert.False(leaving.IsCompleted);
        Assert.Equal(20, _store.Stored);
        _store.Stored = comes;
        _world.Wait(3);

        Assert.True(leaving.IsCompletedSuccessfully);
        Assert.Equal(20, _store.Stored);
    }
}
