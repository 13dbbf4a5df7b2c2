using Orleans.Storage;
using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>What a state in memory and in its storage is after a call, whatever fails on the way.</summary>
public sealed class StoredEffectsTests
{
    private static readonly MessageQueue Queue = new("T", "broker-a", 0);
    private readonly JsonStorage _storage = new();
    private readonly StoredEffects<Numbers> _effects;
    private int _givenUp;

    public StoredEffectsTests() => _effects = Begin();

    private IReadOnlyList<long> Stored
        => _storage.All<MessageDrivenState<Numbers>>("numbers").TryGetValue("alice", out var state) ? state.Value.Applied : [];

    [Fact]
    public async Task A_call_is_one_write()
    {
        await ApplyAsync(0, 1, 2);

        Assert.Equal([0, 1, 2], Stored);
        Assert.Equal(1, _storage.Writes);
    }

    [Fact]
    public async Task A_call_with_nothing_new_writes_nothing()
    {
        await ApplyAsync(0, 1);
        await ApplyAsync(0, 1);
        await ApplyAsync(1, 2);

        Assert.Equal([0, 1, 2], Stored);
        Assert.Equal(2, _storage.Writes);
    }

    [Fact]
    public async Task A_call_that_fails_leaves_nothing_in_memory()
    {
        await ApplyAsync(0);

        await Assert.ThrowsAsync<InvalidOperationException>(() => ApplyAsync([1, 2], fails: 2));

        Assert.Equal([0], _effects.Value.Applied);
        await ApplyAsync(1, 2);
        Assert.Equal([0, 1, 2], Stored);
    }

    [Theory]
    [InlineData(Writing.Fails)]
    [InlineData(Writing.FailsAfterwards)]
    public async Task A_write_that_fails_leaves_in_memory_what_is_stored(object writing)
    {
        await ApplyAsync(0);
        _storage.OnWrite = _ => (Writing)writing;

        await Assert.ThrowsAnyAsync<Exception>(() => ApplyAsync(1));

        Assert.Equal(Stored, _effects.Value.Applied);
        _storage.OnWrite = _ => Writing.Succeeds;
        await ApplyAsync(1);
        Assert.Equal([0, 1], Stored);
    }

    [Fact]
    public async Task Without_the_storage_the_activation_is_given_up_and_nothing_more_is_applied_to_what_it_remembers()
    {
        await ApplyAsync(0);
        (_storage.OnWrite, _storage.FailsToRead) = (_ => Writing.Fails, true);

        await Assert.ThrowsAnyAsync<Exception>(() => ApplyAsync(1));
        Assert.Equal(1, _givenUp);
        await Assert.ThrowsAnyAsync<Exception>(() => ApplyAsync(1));
        (_storage.OnWrite, _storage.FailsToRead) = (_ => Writing.Succeeds, false);

        await ApplyAsync(1);
        Assert.Equal([0, 1], Stored);
    }

    [Fact]
    public async Task An_activation_that_somebody_has_overtaken_writes_nothing_and_learns_what_is_there()
    {
        await ApplyAsync(0);
        var next = Begin();
        await next.ApplyAsync(1, _ => TestMessages.At(1), Queue, default, _ => Note(next, 1), CancellationToken.None);

        await Assert.ThrowsAsync<InconsistentStateException>(() => ApplyAsync(1));
        await ApplyAsync(1, 2);

        Assert.Equal([0, 1, 2], Stored);
    }

    [Fact]
    public async Task A_call_that_nobody_waits_for_any_more_stores_nothing()
    {
        using var gone = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _effects.ApplyAsync(
            1,
            _ => TestMessages.At(0),
            Queue,
            default,
            _ =>
            {
                gone.Cancel();
                return Note(_effects, 0);
            },
            gone.Token));

        Assert.Empty(Stored);
        Assert.Empty(_effects.Value.Applied);
    }

    private StoredEffects<Numbers> Begin()
    {
        var state = new JsonState<MessageDrivenState<Numbers>>(_storage, "numbers");
        state.ReadStateAsync().GetAwaiter().GetResult();
        return new(state, () => throw new NotSupportedException(), () => _givenUp++);
    }

    private Task ApplyAsync(params long[] offsets) => ApplyAsync(offsets, fails: -1);

    private Task ApplyAsync(long[] offsets, long fails) => _effects.ApplyAsync(
        offsets.Length,
        index => TestMessages.At(offsets[index]),
        Queue,
        default,
        index => offsets[index] == fails ? throw new InvalidOperationException("It cannot be applied.") : Note(_effects, offsets[index]),
        CancellationToken.None);

    private static ValueTask Note(StoredEffects<Numbers> effects, long number)
    {
        effects.Value.Applied.Add(number);
        return ValueTask.CompletedTask;
    }

    public sealed class Numbers
    {
        public List<long> Applied { get; set; } = [];
    }
}
