using Orleans.Storage;
using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>What a grain sends: in which order it is announced, stored, sent and removed, and what is left when a step fails.</summary>
public sealed class OutboxOrderTests
{
    private static readonly MessageQueue Queue = new("T", "broker-a", 0);
    private readonly JsonStorage _storage = new();
    private readonly StepsOfOutbox _steps = new();
    private readonly StoredEffects<Sums> _effects;

    public OutboxOrderTests()
    {
        _effects = Begin();
        _storage.OnWrite = _ =>
        {
            _steps.Note("write");
            return Writing.Succeeds;
        };
    }

    private IEnumerable<string> StoredIds => _storage.All<MessageDrivenState<Sums>>("sums")["alice"].Outbox
        .Select(message => message.Properties[MessageProperties.UniqueKey]);

    [Fact]
    public async Task A_message_is_announced_stored_sent_and_removed()
    {
        await ApplyAsync(0);
        await ApplyAsync(1);

        Assert.Equal(["announce", "write", "send id-0", "write", "write", "send id-1", "write"], _steps.All);
        Assert.Empty(StoredIds);
    }

    [Fact]
    public async Task What_cannot_be_announced_is_not_stored_and_not_sent()
    {
        _steps.CannotAnnounce = true;
        await Assert.ThrowsAsync<InvalidOperationException>(() => ApplyAsync(0));
        Assert.Empty(_steps.All);
        _steps.CannotAnnounce = false;

        await ApplyAsync(0);

        Assert.Equal(["announce", "write", "send id-0", "write"], _steps.All);
    }

    [Fact]
    public async Task Nothing_is_sent_whose_state_was_not_stored()
    {
        _storage.OnWrite = _ => Writing.Fails;
        await Assert.ThrowsAnyAsync<Exception>(() => ApplyAsync(0));
        Assert.Equal(["announce"], _steps.All);
        _storage.OnWrite = _ => Writing.Succeeds;

        await ApplyAsync(0);

        Assert.Equal(["announce", "send id-0"], _steps.All);
    }

    [Fact]
    public async Task What_was_stored_without_anybody_knowing_is_sent_without_its_message_coming_again()
    {
        _storage.OnWrite = _ => Writing.FailsAfterwards;
        await Assert.ThrowsAnyAsync<Exception>(() => ApplyAsync(0));
        Assert.Equal(["id-0"], StoredIds);
        _storage.OnWrite = _ => Writing.Succeeds;

        // The sweeper, on another silo.
        await Begin().DrainAsync();

        Assert.Equal(["announce", "send id-0"], _steps.All);
        Assert.Empty(StoredIds);
    }

    [Fact]
    public async Task What_no_broker_takes_stays_and_goes_first_next_time()
    {
        _steps.Takes = _ => false;
        await ApplyAsync(0);
        await ApplyAsync(1);
        Assert.Equal(["id-0", "id-1"], StoredIds);
        _steps.Clear();
        _steps.Takes = id => id != "id-2";

        await ApplyAsync(2, 3);

        Assert.Equal(["write", "send id-0", "send id-1", "send id-2", "write"], _steps.All);
        Assert.Equal(["id-2", "id-3"], StoredIds);
    }

    [Fact]
    public async Task What_could_not_be_removed_is_sent_again_under_its_id()
    {
        var writes = 0;
        _storage.OnWrite = _ => ++writes == 2 ? Writing.Fails : Writing.Succeeds;
        await ApplyAsync(0);
        Assert.Equal(["id-0"], StoredIds);

        await ApplyAsync(1);

        Assert.Equal(["announce", "send id-0", "send id-0", "send id-1"], _steps.All);
        Assert.Empty(StoredIds);
    }

    [Fact]
    public async Task A_grain_that_goes_on_recording_stays_announced_and_a_quiet_one_is_forgotten()
    {
        await ApplyAsync(0);
        Assert.False(await _effects.DrainAsync());
        await ApplyAsync(1);
        Assert.False(await _effects.DrainAsync());
        Assert.True(await _effects.DrainAsync());
        _steps.Clear();

        await ApplyAsync(2);

        Assert.Equal(["announce", "write", "send id-2", "write"], _steps.All);
    }

    [Fact]
    public async Task While_brokers_take_nothing_the_sweeper_keeps_the_grain()
    {
        _steps.Takes = _ => false;
        await ApplyAsync(0);

        Assert.False(await _effects.DrainAsync());
        Assert.False(await _effects.DrainAsync());
        _steps.Takes = _ => true;

        Assert.True(await _effects.DrainAsync());
    }

    [Fact]
    public async Task An_older_activation_stores_nothing_after_the_sweeper_has_forgotten_the_grain()
    {
        await ApplyAsync(0);
        var next = Begin();
        Assert.True(await next.DrainAsync());

        await Assert.ThrowsAsync<InconsistentStateException>(() => ApplyAsync(1));

        Assert.DoesNotContain("send id-1", _steps.All);
        Assert.Empty(StoredIds);
    }

    [Fact]
    public async Task What_a_call_has_recorded_and_not_stored_is_not_sent_with_what_is_stored()
    {
        _steps.Takes = _ => false;
        await ApplyAsync(0);
        _steps.Takes = _ => true;
        _steps.Clear();
        _effects.Record(Recorded("id-lost"));

        Assert.False(await _effects.DrainAsync());

        Assert.Equal(["send id-0", "write"], _steps.All);
    }

    [Fact]
    public async Task A_grain_takes_no_messages_while_it_has_many_to_send_and_says_so_once()
    {
        _steps.Takes = id => id == "id-0";
        await ApplyAsync([.. Enumerable.Range(0, StoredEffects<Sums>.MostUnsent).Select(number => (long)number)]);
        Assert.Null(_effects.Full);
        await ApplyAsync(5000);
        Assert.Contains("1000 messages", _effects.Full, StringComparison.Ordinal);
        await _effects.DrainAsync();
        Assert.Single(_steps.ToldFull);

        _steps.Takes = id => id == "id-1";
        await _effects.DrainAsync();

        Assert.Null(_effects.Full);
    }

    private StoredEffects<Sums> Begin()
    {
        var state = new JsonState<MessageDrivenState<Sums>>(_storage, "sums");
        state.ReadStateAsync().GetAwaiter().GetResult();
        return new(state, () => _steps, () => { });
    }

    private Task ApplyAsync(params long[] offsets) => _effects.ApplyAsync(
        offsets.Length,
        index => TestMessages.At(offsets[index]),
        Queue,
        default,
        index =>
        {
            _effects.Value.Count++;
            _effects.Record(Recorded($"id-{offsets[index]}"));
            return ValueTask.CompletedTask;
        },
        CancellationToken.None);

    private static RecordedMessage Recorded(string id)
        => new() { Topic = "out", Body = [1], Properties = { [MessageProperties.UniqueKey] = id } };

    public sealed class Sums
    {
        public int Count { get; set; }
    }

    private sealed class StepsOfOutbox : IOutbox
    {
        private readonly List<string> _steps = [];

        public bool CannotAnnounce { get; set; }

        public Func<string, bool> Takes { get; set; } = _ => true;

        public IMessageSerializer Serializer => JsonMessageSerializer.Default;

        public IReadOnlyList<string> All => _steps;

        public void Note(string step) => _steps.Add(step);

        public void Clear() => _steps.Clear();

        public List<string> ToldFull { get; } = [];

        public void TellFull(string why) => ToldFull.Add(why);

        public Task AnnounceAsync()
        {
            if (CannotAnnounce)
            {
                throw new InvalidOperationException("The index is away.");
            }

            Note("announce");
            return Task.CompletedTask;
        }

        public Task<bool> TrySendAsync(RecordedMessage message)
        {
            var id = message.Properties[MessageProperties.UniqueKey];
            Note($"send {id}");
            return Task.FromResult(Takes(id));
        }
    }
}
