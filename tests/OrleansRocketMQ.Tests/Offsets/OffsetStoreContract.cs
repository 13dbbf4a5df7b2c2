using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Tests.Offsets;

/// <summary>What every offset store does, wherever it keeps offsets.</summary>
public abstract class OffsetStoreContract : IAsyncLifetime
{
    private protected static readonly MessageQueue Queue = new("orders", "broker-a", 2);

    public abstract Task InitializeAsync();

    public abstract Task DisposeAsync();

    [Fact]
    public async Task What_was_never_stored_is_not_there()
    {
        var store = Create();

        Assert.Null(await store.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
        Assert.Null(await store.ReadAsync(Queue, OffsetReadMode.Memory, CancellationToken.None));
        Assert.Null(await store.ReadAsync(Queue, OffsetReadMode.MemoryFirstThenStore, CancellationToken.None));
    }

    [Fact]
    public async Task What_is_persisted_is_there_for_the_next_store()
    {
        var store = Create();
        store.Update(Queue, 42, increaseOnly: true);
        await store.PersistAsync(Queue);

        var next = Create();
        Assert.Null(await next.ReadAsync(Queue, OffsetReadMode.Memory, CancellationToken.None));
        Assert.Equal(42, await next.ReadAsync(Queue, OffsetReadMode.MemoryFirstThenStore, CancellationToken.None));
        Assert.Equal(42, await next.ReadAsync(Queue, OffsetReadMode.Memory, CancellationToken.None));
    }

    [Fact]
    public async Task What_is_noted_is_told_before_it_is_persisted_and_stored_only_then()
    {
        var store = Create();
        store.Update(Queue, 7, increaseOnly: true);

        Assert.Equal(7, await store.ReadAsync(Queue, OffsetReadMode.MemoryFirstThenStore, CancellationToken.None));
        Assert.Null(await Create().ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
    }

    [Fact]
    public async Task An_offset_goes_back_only_when_it_is_meant_to()
    {
        var store = Create();
        store.Update(Queue, 50, increaseOnly: true);
        store.Update(Queue, 30, increaseOnly: true);
        Assert.Equal(50, await store.ReadAsync(Queue, OffsetReadMode.Memory, CancellationToken.None));

        store.Update(Queue, 30, increaseOnly: false);
        await store.PersistAsync(Queue);
        Assert.Equal(30, await Create().ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
    }

    [Fact]
    public async Task A_queue_that_is_removed_is_forgotten_here_and_kept_there()
    {
        var store = Create();
        store.Update(Queue, 9, increaseOnly: true);
        await store.PersistAsync(Queue);

        store.Remove(Queue);

        Assert.Null(await store.ReadAsync(Queue, OffsetReadMode.Memory, CancellationToken.None));
        Assert.Equal(9, await store.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
    }

    [Fact]
    public async Task A_queue_that_was_removed_is_stored_again_at_the_first_attempt()
    {
        var store = Create();
        store.Update(Queue, 9, increaseOnly: true);
        await store.PersistAsync(Queue);

        // As when another member has gone on with it meanwhile.
        store.Remove(Queue);
        store.Update(Queue, 12, increaseOnly: true);
        Assert.True(await store.PersistAsync(Queue));

        Assert.Equal(12, await Create().ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None));
    }

    [Fact]
    public void The_table_of_a_topic_is_a_copy()
    {
        var store = Create();
        store.Update(Queue, 1, increaseOnly: true);
        store.Update(Queue with { QueueId = 3 }, 2, increaseOnly: true);
        store.Update(new MessageQueue("parcels", "broker-a", 0), 3, increaseOnly: true);

        var table = store.CloneTable("orders");
        store.Update(Queue, 100, increaseOnly: true);

        Assert.Equal(2, table.Count);
        Assert.Equal(1, table[Queue]);
        Assert.Empty(store.CloneTable("unknown"));
    }

    [Fact]
    public async Task What_it_does_is_counted()
    {
        var store = Create();
        await store.ReadAsync(Queue, OffsetReadMode.MemoryFirstThenStore, CancellationToken.None);
        store.Update(Queue, 5, increaseOnly: true);
        await store.PersistAsync(Queue);
        await store.ReadAsync(Queue, OffsetReadMode.MemoryFirstThenStore, CancellationToken.None);
        SetFailing(true);
        await Assert.ThrowsAnyAsync<RocketMQException>(() => store.PersistAsync(Queue));
        await Assert.ThrowsAnyAsync<RocketMQException>(() => store.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None).AsTask());
        SetFailing(false);

        var figures = store.Metrics.Snapshot();
        Assert.Equal((1, 1, 1, 1), (figures.Persisted, figures.PersistsFailed, figures.Loaded, figures.LoadsFailed));
        Assert.Equal((1, 1), (figures.CacheHits, figures.CacheMisses));
        Assert.True(figures.AveragePersistTime > TimeSpan.Zero);
    }

    [Fact]
    [Trait("Length", "Long")]
    public void A_hundred_thousand_queues_are_no_burden()
    {
        var store = Create();
        for (var queue = 0; queue < 100_000; queue++)
        {
            store.Update(new MessageQueue($"topic-{queue % 100}", "broker-a", queue), queue, increaseOnly: true);
        }

        var table = store.CloneTable("topic-7");
        Assert.Equal(1000, table.Count);
        Assert.All(table, pair => Assert.Equal(pair.Key.QueueId, pair.Value));
    }

    /// <summary>A store over what earlier ones have stored.</summary>
    private protected abstract IOffsetStore Create();

    /// <summary>Makes what is behind the store fail, or not any more.</summary>
    private protected abstract void SetFailing(bool fails);
}
