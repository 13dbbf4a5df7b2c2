using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Offsets;

/// <summary>What a group keeps at its brokers, and what in memory.</summary>
public sealed class OffsetStoreTests
{
    private static readonly MessageQueue Queue = new("orders", "broker-a", 2);

    private readonly Stepped _world = new();
    private readonly FakeBrokers _brokers;
    private readonly FakeRoutes _routes = new();

    public OffsetStoreTests() => _brokers = new(_world.Time);

    [Fact]
    public void Offsets_are_asked_for_and_told_at_the_queues_own_broker()
    {
        var store = Store();
        Assert.True(store.IsAtBroker);
        store.Update(Queue, 5, increaseOnly: true);

        Assert.True(Persist(store));
        Assert.Equal(5, Read(store, OffsetReadMode.Store));

        Assert.Equal([("update", "broker-a:10911"), ("query", "broker-a:10911")], _brokers.Calls);
        Assert.All(_routes.Asked, asked => Assert.Equal(("broker-a", 0L, false), asked));
    }

    [Fact]
    public void Nothing_is_told_of_a_queue_of_which_nothing_is_noted()
    {
        Assert.True(Persist(Store()));
        Assert.Empty(_brokers.Calls);
    }

    [Fact]
    public void What_only_a_slave_has_taken_must_be_told_again()
    {
        var store = Store();
        store.Update(Queue, 5, increaseOnly: true);
        _routes.Instead["broker-a"] = new BrokerAddress("broker-a", 1, "slave:10911");

        Assert.False(Persist(store));
        Assert.Equal([("update", "slave:10911")], _brokers.Calls);
    }

    [Fact]
    public void A_broker_nobody_knows_is_an_error_that_names_it()
    {
        var store = Store();
        store.Update(Queue, 5, increaseOnly: true);
        _routes.Instead["broker-a"] = null;

        foreach (var failed in new Task[]
        {
            _world.Begin(() => store.PersistAsync(Queue)),
            _world.Begin(() => store.ReadAsync(Queue, OffsetReadMode.Store, CancellationToken.None).AsTask()),
        })
        {
            var error = Assert.IsType<BrokerNotAvailableException>(failed.Exception!.InnerException);
            Assert.Contains("'broker-a'", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, null)]
    public void Only_a_group_that_skips_history_asks_the_broker_not_to_answer_with_zero(bool skips, bool? asked)
    {
        Read(Store(skips), OffsetReadMode.Store);

        Assert.Equal(asked, Assert.Single(_brokers.AskedForZero));
    }

    [Fact]
    public void A_read_from_the_store_replaces_what_was_known_unless_there_is_nothing()
    {
        var store = Store();
        store.Update(Queue, 50, increaseOnly: true);
        Assert.Null(Read(store, OffsetReadMode.Store));
        Assert.Equal(50, Read(store, OffsetReadMode.Memory));

        _brokers.Offsets[Queue] = 7;
        Assert.Equal(7, Read(store, OffsetReadMode.Store));
        Assert.Equal(7, Read(store, OffsetReadMode.Memory));
        Assert.Equal(2, _brokers.CountOf("query"));
    }

    [Fact]
    public void Memory_answers_only_when_it_may_and_each_answer_is_counted()
    {
        var (table, metrics) = (new OffsetTable(), new OffsetStoreMetrics(_world.Time));
        Assert.True(table.Answers(Queue, OffsetReadMode.Memory, metrics, out var answer));
        Assert.Null(answer);
        Assert.False(table.Answers(Queue, OffsetReadMode.MemoryFirstThenStore, metrics, out answer));
        table.Update(Queue, 3, increaseOnly: true);
        Assert.True(table.Answers(Queue, OffsetReadMode.Memory, metrics, out answer));
        Assert.Equal(3, answer);
        Assert.True(table.Answers(Queue, OffsetReadMode.MemoryFirstThenStore, metrics, out answer));
        Assert.Equal(3, answer);
        Assert.False(table.Answers(Queue, OffsetReadMode.Store, metrics, out answer));
        Assert.Null(answer);

        var figures = metrics.Snapshot();
        Assert.Equal((2, 2), (figures.CacheHits, figures.CacheMisses));
    }

    [Fact]
    public void A_failed_write_stays_noted_and_is_counted()
    {
        var store = Store();
        store.Update(Queue, 5, increaseOnly: true);
        _brokers.Faults["update"] = static () => new BrokerNotAvailableException("away");
        Assert.True(_world.Begin(() => store.PersistAsync(Queue)).IsFaulted);
        _brokers.Faults.Clear();

        Assert.True(Persist(store));

        Assert.Equal(5, _brokers.Offsets[Queue]);
        var figures = store.Metrics.Snapshot();
        Assert.Equal((1, 1), (figures.Persisted, figures.PersistsFailed));
    }

    private BrokerOffsetStore Store(bool skipHistory = false)
        => new(_brokers, _routes, new ConsumerOptions { Group = "g", SkipHistory = skipHistory }, new(_world.Time));

    private bool Persist(BrokerOffsetStore store) => _world.Get(() => store.PersistAsync(Queue));

    private long? Read(BrokerOffsetStore store, OffsetReadMode mode)
        => _world.Get(() => store.ReadAsync(Queue, mode, CancellationToken.None).AsTask());
}
