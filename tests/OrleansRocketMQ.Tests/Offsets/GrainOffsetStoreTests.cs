using Orleans.Runtime;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Offsets;

public sealed class GrainOffsetStoreTests : OffsetStoreContract
{
    private readonly KeptStorage _storage = new();
    private readonly FakeTimeProvider _time = new();

    public GrainOffsetStoreTests() => _storage.Writing = () => _time.Advance(TimeSpan.FromMilliseconds(1));

    public override Task InitializeAsync() => Task.CompletedTask;

    public override Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Each_member_has_a_record_of_its_own_for_each_queue()
    {
        var (one, other) = (Create("one"), Create("other"));
        one.Update(Queue, 1, increaseOnly: true);
        other.Update(Queue, 2, increaseOnly: true);
        other.Update(Queue with { QueueId = 0 }, 3, increaseOnly: true);
        await one.PersistAsync(Queue);
        await other.PersistAsync(Queue);
        await other.PersistAsync(Queue with { QueueId = 0 });

        Assert.Equal(3, _storage.Count);
        Assert.Equal(1, await Create("one").ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
        Assert.Equal(2, await Create("other").ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
    }

    [Fact]
    public async Task After_somebody_else_has_written_the_next_attempt_succeeds()
    {
        var (first, second) = (Create(), Create());
        await second.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None);
        first.Update(Queue, 10, increaseOnly: true);
        await first.PersistAsync(Queue);
        second.Update(Queue, 20, increaseOnly: true);

        await Assert.ThrowsAsync<OffsetException>(() => second.PersistAsync(Queue));
        await second.PersistAsync(Queue);

        Assert.Equal(20, await Create().ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
    }

    [Fact]
    public async Task A_queue_whose_version_is_not_known_is_not_stored_while_that_cannot_be_read()
    {
        var store = Create();
        store.Update(Queue, 10, increaseOnly: true);
        _storage.FailsToRead = true;

        await Assert.ThrowsAsync<OffsetException>(() => store.PersistAsync(Queue));
        Assert.Equal(0, _storage.Writes);

        _storage.FailsToRead = false;
        Assert.True(await store.PersistAsync(Queue));
    }

    [Fact]
    public async Task A_storage_that_never_answers_a_read_is_told_and_given_up()
    {
        _storage.Unanswered = "offset";
        var reading = Create().ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None).AsTask();

        _time.Advance(GrainOffsetStore.StorageTimeout);

        await Assert.ThrowsAsync<OffsetException>(() => reading);
        await Eventually.TrueAsync(() => _storage.GivenUp == 1, "the storage is told");
    }

    [Fact]
    public async Task A_storage_that_never_answers_a_write_is_told_and_given_up_and_the_next_attempt_succeeds()
    {
        var store = Create();
        store.Update(Queue, 10, increaseOnly: true);
        await store.PersistAsync(Queue);
        store.Update(Queue, 20, increaseOnly: true);
        _storage.UnansweredWrites = "offset";
        var writing = store.PersistAsync(Queue);

        _time.Advance(GrainOffsetStore.StorageTimeout);

        await Assert.ThrowsAsync<OffsetException>(() => writing);
        await Eventually.TrueAsync(() => _storage.GivenUp == 1, "the storage is told");
        _storage.UnansweredWrites = null;
        await store.PersistAsync(Queue);
        Assert.Equal(20, await Create().ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task When_the_other_version_cannot_be_read_either_that_is_an_offset_error_too(bool hangs)
    {
        var (first, second) = (Create(), Create());
        await second.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None);
        first.Update(Queue, 10, increaseOnly: true);
        await first.PersistAsync(Queue);
        second.Update(Queue, 20, increaseOnly: true);
        (_storage.FailsToRead, _storage.Unanswered) = (!hangs, hangs ? "offset" : null);
        var writing = second.PersistAsync(Queue);

        _time.Advance(GrainOffsetStore.StorageTimeout);

        await Assert.ThrowsAsync<OffsetException>(() => writing);
        (_storage.FailsToRead, _storage.Unanswered) = (false, null);
        await Assert.ThrowsAsync<OffsetException>(() => second.PersistAsync(Queue));
        await second.PersistAsync(Queue);
        Assert.Equal(20, await Create().ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
    }

    private protected override IOffsetStore Create() => Create("silo-1");

    private protected override void SetFailing(bool fails) => _storage.Fails = fails;

    private GrainOffsetStore Create(string instance) => new(_storage, "billing", instance, GrainType.Create("queue"), _time);
}
