using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Tests.Contracts;

/// <summary>What every <see cref="IParkedMessageStore"/> does.</summary>
public abstract class ParkedMessageStoreContract
{
    private static readonly MessageQueue Queue = new("orders", "broker-a", 3);

    [Fact]
    public async Task A_message_that_is_parked_is_found_with_its_reason()
    {
        var store = Create();
        await store.ParkAsync(At(5, "no broker takes it"), CancellationToken.None);

        var found = Assert.Single(await FindAsync());
        Assert.Equal((Queue, 5L, "id-5", "no broker takes it"), (found.Queue, found.Offset, found.MessageId, found.Reason));
    }

    [Fact]
    public async Task Parked_twice_is_parked_once()
    {
        var store = Create();
        await store.ParkAsync(At(5), CancellationToken.None);
        await store.ParkAsync(At(5), CancellationToken.None);
        await store.ParkAsync(At(6), CancellationToken.None);

        Assert.Equal([5L, 6L], (await FindAsync()).Select(found => found.Offset).Order());
    }

    [Fact]
    public async Task A_store_that_fails_says_so_and_has_nothing_of_it()
    {
        var store = Create();
        SetFailing(true);
        await Assert.ThrowsAnyAsync<Exception>(() => store.ParkAsync(At(5), CancellationToken.None));
        SetFailing(false);

        Assert.Empty(await FindAsync());
        await store.ParkAsync(At(5), CancellationToken.None);
        Assert.Single(await FindAsync());
    }

    private static MessageToPark At(long offset, string reason = "no") => new(Queue, offset, $"id-{offset}", "orders", reason);

    private protected abstract IParkedMessageStore Create();

    /// <summary>What an operator would find.</summary>
    private protected abstract Task<IReadOnlyCollection<MessageToPark>> FindAsync();

    /// <summary>Makes what is behind the store fail, or not any more.</summary>
    private protected abstract void SetFailing(bool fails);
}
