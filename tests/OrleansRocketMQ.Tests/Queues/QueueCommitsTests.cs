using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Tests.Queues;

/// <summary>What a queue tells its store, and when.</summary>
public sealed class QueueCommitsTests
{
    private static readonly MessageQueue Queue = new("t", "b", 0);

    private readonly FakeTimeProvider _time = new();
    private readonly OneOffset _store = new();

    [Fact]
    public async Task An_offset_the_store_has_lost_is_told_again_within_a_minute_though_nothing_comes()
    {
        var commits = await At(10);
        _store.Stored = 3;

        await commits.CommitAsync(() => 10);
        Assert.Equal(3, _store.Stored);
        _time.Advance(TimeSpan.FromMinutes(1));
        await commits.CommitAsync(() => 10);

        Assert.Equal(10, _store.Stored);
    }

    [Fact]
    public async Task After_a_failure_of_its_broker_a_queue_looks_at_once_and_then_not_again()
    {
        var commits = await At(10);
        _store.Stored = 3;
        commits.LookAgain();

        await commits.CommitAsync(() => 10);
        Assert.Equal(10, _store.Stored);
        _store.Stored = 4;
        await commits.CommitAsync(() => 10);
        Assert.Equal(4, _store.Stored);
    }

    [Fact]
    public async Task What_another_member_has_told_meanwhile_stays_and_says_nothing_of_this_one()
    {
        var commits = await At(10);
        _store.Stored = 50;
        commits.LookAgain();
        await commits.CommitAsync(() => 10);
        Assert.Equal(50, _store.Stored);

        await commits.CommitAsync(() => 11);
        Assert.Equal(11, _store.Stored);
    }

    [Fact]
    public async Task Without_the_right_to_commit_nothing_is_looked_at_or_told()
    {
        var commits = await At(10);
        _store.Stored = 3;
        commits.LookAgain();

        await commits.CommitAsync(() => -1);

        Assert.Equal(3, _store.Stored);
        Assert.Equal(0, _store.Reads);
    }

    [Fact]
    public async Task A_move_that_the_store_refuses_leaves_what_is_told_as_it_was()
    {
        var commits = await At(10);
        _store.Fails = true;
        await Assert.ThrowsAsync<BrokerNotAvailableException>(() => commits.MoveAsync(40, () => true, () => { }, CancellationToken.None));
        _store.Fails = false;

        await commits.LeaveAsync(() => 12);

        Assert.Equal(12, _store.Stored);
    }

    [Fact]
    public async Task A_move_the_broker_demands_is_told_later_when_the_store_refuses_it_and_one_nobody_wants_any_more_is_not_told()
    {
        var commits = await At(10);
        var stored = 0;
        _store.Fails = true;
        await commits.MoveAsync(4, () => true, () => stored++, CancellationToken.None, evenIfNotStored: () => true);
        Assert.Equal((1, 10), (stored, _store.Stored));
        _store.Fails = false;
        await commits.CommitAsync(() => 4);
        Assert.Equal(4, _store.Stored);

        await commits.MoveAsync(2, () => false, () => stored++, CancellationToken.None);
        Assert.Equal((1, 4), (stored, _store.Stored));
    }

    private async Task<QueueCommits> At(long offset)
    {
        var commits = new QueueCommits(Queue, _store, _time);
        await commits.CommitAsync(() => offset);
        Assert.Equal(offset, _store.Stored);
        return commits;
    }

    /// <summary>A store at a broker that holds one offset.</summary>
    private sealed class OneOffset : IOffsetStore
    {
        private readonly OffsetTable _noted = new();

        public long? Stored { get; set; }

        public bool Fails { get; set; }

        public int Reads { get; private set; }

        public bool IsAtBroker => true;

        public OffsetStoreMetrics Metrics { get; } = new(TimeProvider.System);

        public ValueTask<long?> ReadAsync(MessageQueue queue, OffsetReadMode mode, CancellationToken cancellationToken)
        {
            Reads++;
            if (Stored is { } stored)
            {
                // As the broker's store does.
                _noted.Update(queue, stored, increaseOnly: false);
            }

            return ValueTask.FromResult(Stored);
        }

        public void Update(MessageQueue queue, long offset, bool increaseOnly) => _noted.Update(queue, offset, increaseOnly);

        public Task<bool> PersistAsync(MessageQueue queue)
        {
            if (Fails)
            {
                throw new BrokerNotAvailableException("away");
            }

            Stored = _noted.TryGet(queue, out var offset) ? offset : Stored;
            return Task.FromResult(true);
        }

        public void Remove(MessageQueue queue) => _noted.Remove(queue);

        public IReadOnlyDictionary<MessageQueue, long> CloneTable(string topic) => _noted.Clone(topic);
    }
}
