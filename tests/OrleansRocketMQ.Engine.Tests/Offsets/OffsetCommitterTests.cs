using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Offsets;

/// <summary>What a queue tells its store, and when.</summary>
public sealed partial class OffsetCommitterTests
{
    private static readonly MessageQueue Queue = new("t", "b", 0);

    private readonly Stepped _world = new();
    private readonly OneOffset _store = new();

    [Fact]
    public void Only_news_is_told_and_nothing_below_what_was_told()
    {
        var commits = new OffsetCommitter(Queue, _store, _world.Time);
        Assert.Equal(-1, commits.Committed);
        Commit(commits, 0);
        Assert.Equal((0L, 0L), (commits.Committed, _store.Stored));
        Commit(commits, 5);
        Commit(commits, 5);
        Commit(commits, 3);
        Commit(commits, -1);

        Assert.Equal([0L, 5L], _store.Told);
        Assert.Equal(5, commits.Committed);
    }

    [Fact]
    public void What_the_store_does_not_take_is_told_again_with_the_next_commit()
    {
        var commits = At(10);
        _store.Fails = true;
        Assert.IsType<BrokerNotAvailableException>(_world.Begin(() => commits.CommitAsync(() => 12)).Exception!.InnerException);
        Assert.Equal(10, commits.Committed);
        _store.Fails = false;

        Commit(commits, 12);

        Assert.Equal((12L, 12L), (commits.Committed, _store.Stored));
    }

    [Fact]
    public void What_only_a_slave_has_is_told_again_until_the_master_has_it()
    {
        var commits = At(10);
        _store.IsSlave = true;
        Commit(commits, 11);
        Commit(commits, 11);
        _store.IsSlave = false;
        Commit(commits, 11);
        Commit(commits, 11);

        Assert.Equal([10L, 11L, 11L, 11L], _store.Told);
    }

    [Fact]
    public void A_pull_carries_news_to_a_master_and_nothing_else()
    {
        var commits = At(10);

        Assert.Equal(0, commits.Piggyback(10, toSlave: false));
        Assert.Equal(0, commits.Piggyback(9, toSlave: false));
        Assert.Equal(0, commits.Piggyback(12, toSlave: true));
        Assert.Equal(12, commits.Piggyback(12, toSlave: false));
        _store.IsAtBroker = false;
        Assert.Equal(0, commits.Piggyback(12, toSlave: false));
    }

    [Fact]
    public void What_an_answered_pull_has_carried_is_committed_and_not_told_once_more()
    {
        var commits = At(10);
        commits.PiggybackAcked();
        Assert.Equal(10, commits.Committed);
        commits.Piggyback(12, toSlave: false);
        Assert.Equal(10, commits.Committed);

        commits.PiggybackAcked();
        Commit(commits, 12);

        Assert.Equal(12, commits.Committed);
        Assert.Equal([10L], _store.Told);
        Assert.Equal(12, _store.Noted);
    }

    [Fact]
    public void An_offset_told_while_a_pull_carries_an_older_one_is_told_once_more_when_that_comes_after_it()
    {
        var commits = At(10);
        commits.Piggyback(12, toSlave: false);
        Commit(commits, 13);
        _store.Stored = 12;
        Commit(commits, 13);
        Assert.Equal([10L, 13L, 13L], _store.Told);
        commits.PiggybackAcked();
        Assert.Equal((13L, 13L), (commits.Committed, _store.Noted));

        // The same offset as the pull carries cannot be overtaken by it.
        commits.Piggyback(15, toSlave: false);
        Commit(commits, 15);
        Commit(commits, 15);
        Assert.Equal([10L, 13L, 13L, 15L], _store.Told);
    }

    /// <summary>Finding M2.</summary>
    [Fact]
    public void An_offset_the_store_has_lost_is_told_again_within_a_minute_though_nothing_comes()
    {
        var commits = At(10);
        _store.Stored = 3;

        _world.Time.Advance(TimeSpan.FromSeconds(59));
        Commit(commits, 10);
        Assert.Equal(3, _store.Stored);
        _world.Time.Advance(TimeSpan.FromSeconds(1));
        Commit(commits, 10);

        Assert.Equal(10, _store.Stored);
        Assert.Equal(1, _store.Reads);
        Commit(commits, 10);
        Assert.Equal(1, _store.Reads);
    }

    [Fact]
    public void News_is_told_without_a_look_and_a_queue_at_its_very_beginning_looks_as_others_do()
    {
        var commits = At(10);
        commits.LookAgain();
        Commit(commits, 11);
        Assert.Equal(0, _store.Reads);

        _store.Remove(Queue);
        commits = At(0);
        _store.Stored = null;
        commits.LookAgain();
        Commit(commits, 0);
        Assert.Equal(0, _store.Stored);
    }

    [Fact]
    public void A_store_that_has_lost_everything_is_told_again_and_one_that_has_it_is_not()
    {
        var commits = At(10);
        commits.LookAgain();
        Commit(commits, 10);
        Assert.Equal([10L], _store.Told);
        _store.Stored = null;
        commits.LookAgain();

        Commit(commits, 10);

        Assert.Equal([10L, 10L], _store.Told);
    }

    [Fact]
    public void A_look_tells_nothing_while_a_pull_carries_more_and_looks_again_when_that_has_arrived()
    {
        var commits = At(10);
        _store.Stored = 3;
        commits.LookAgain();
        commits.Piggyback(12, toSlave: false);

        Commit(commits, 10);
        Assert.Equal([10L], _store.Told);

        commits.PiggybackAcked();
        Commit(commits, 12);
        Assert.Equal([10L, 12L], _store.Told);
    }

    [Fact]
    public void What_a_slave_takes_when_the_store_has_less_is_told_again()
    {
        var commits = At(10);
        (_store.Stored, _store.IsSlave) = (3, true);
        commits.LookAgain();
        Commit(commits, 10);
        _store.IsSlave = false;

        Commit(commits, 10);
        Commit(commits, 10);

        Assert.Equal([10L, 10L, 10L], _store.Told);
    }

    [Fact]
    public void After_a_failure_of_its_broker_a_queue_looks_at_once_and_then_not_again()
    {
        var commits = At(10);
        _store.Stored = 3;
        commits.LookAgain();

        Commit(commits, 10);
        Assert.Equal(10, _store.Stored);
        _store.Stored = 4;
        Commit(commits, 10);
        Assert.Equal(4, _store.Stored);
    }

    [Fact]
    public void A_store_that_is_away_when_it_is_looked_at_is_no_error_and_news_counts_as_a_look()
    {
        var commits = At(10);
        commits.LookAgain();
        _store.FailsToRead = true;
        Commit(commits, 10);
        Assert.Equal(1, _store.Reads);

        _world.Time.Advance(TimeSpan.FromSeconds(50));
        Commit(commits, 11);
        _world.Time.Advance(TimeSpan.FromSeconds(50));
        Commit(commits, 11);
        Assert.Equal(1, _store.Reads);
    }

    [Fact]
    public void What_another_member_has_told_meanwhile_stays_and_says_nothing_of_this_one()
    {
        var commits = At(10);
        _store.Stored = 50;
        commits.LookAgain();
        Commit(commits, 10);
        Assert.Equal(50, _store.Stored);
        Assert.Equal(10, _store.Noted);

        Commit(commits, 11);
        Assert.Equal(11, _store.Stored);
    }

    [Fact]
    public void Without_the_right_to_commit_or_at_a_store_of_its_own_nothing_is_looked_at()
    {
        var commits = At(10);
        _store.Stored = 3;
        commits.LookAgain();
        Commit(commits, -1);
        Assert.Equal((3L, 0), (_store.Stored, _store.Reads));

        _store.IsAtBroker = false;
        Commit(commits, 10);
        Assert.Equal(0, _store.Reads);

        _store.IsAtBroker = true;
        var untold = new OffsetCommitter(Queue, _store, _world.Time);
        untold.LookAgain();
        Commit(untold, -1);
        Assert.Equal(0, _store.Reads);
    }

    private void Commit(OffsetCommitter commits, long watermark) => _world.Do(() => commits.CommitAsync(() => watermark));

    private void Leave(OffsetCommitter commits, long watermark) => _world.Do(() => commits.LeaveAsync(() => watermark));

    private void Move(OffsetCommitter commits, long offset, Action? stored = null)
        => _world.Do(() => commits.MoveAsync(offset, () => true, stored ?? (() => { }), CancellationToken.None));

    private OffsetCommitter At(long offset)
    {
        var commits = new OffsetCommitter(Queue, _store, _world.Time);
        Commit(commits, offset);
        Assert.Equal(offset, _store.Stored);
        return commits;
    }

    /// <summary>A store that holds one offset.</summary>
    private sealed class OneOffset : IOffsetStore
    {
        private readonly OffsetTable _noted = new();

        public long? Stored { get; set; }

        public long? Noted => _noted.TryGet(Queue, out var offset) ? offset : null;

        public List<long> Told { get; } = [];

        public bool Fails { get; set; }

        /// <summary>Whether what is told is on its way when nobody waits for the answer any more.</summary>
        public bool LosesAnswers { get; set; }

        public bool FailsToRead { get; set; }

        public bool IsSlave { get; set; }

        public int Reads { get; private set; }

        public TaskCompletionSource? Answer { get; set; }

        /// <summary>What arrives after the next that is told.</summary>
        public long? Overtaken { get; set; }

        public bool IsAtBroker { get; set; } = true;

        public OffsetStoreMetrics Metrics { get; } = new(TimeProvider.System);

        public ValueTask<long?> ReadAsync(MessageQueue queue, OffsetReadMode mode, CancellationToken cancellationToken)
        {
            Assert.Equal(OffsetReadMode.Store, mode);
            Reads++;
            if (FailsToRead)
            {
                throw new BrokerNotAvailableException("away");
            }

            if (Stored is { } stored)
            {
                // As the broker's store does.
                _noted.Update(queue, stored, increaseOnly: false);
            }

            return ValueTask.FromResult(Stored);
        }

        public void Update(MessageQueue queue, long offset, bool increaseOnly) => _noted.Update(queue, offset, increaseOnly);

        public async Task<bool> PersistAsync(MessageQueue queue)
        {
            if (Answer is { } answer)
            {
                await answer.Task;
            }

            if (Fails)
            {
                throw new BrokerNotAvailableException("away");
            }

            if (LosesAnswers)
            {
                throw new RocketMQTimeoutException("no answer");
            }

            if (_noted.TryGet(queue, out var offset))
            {
                Told.Add(offset);
                (Stored, Overtaken) = (Overtaken ?? offset, null);
            }

            return !IsSlave;
        }

        public void Remove(MessageQueue queue) => _noted.Remove(queue);

        public IReadOnlyDictionary<MessageQueue, long> CloneTable(string topic) => _noted.Clone(topic);
    }
}
