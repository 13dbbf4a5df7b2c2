using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>Where a queue goes on whose broker has lost its last messages, or whose topic was made anew.</summary>
public sealed class QueueEndTests
{
    private const string Master = "broker-a:10911";

    private static readonly MessageQueue Queue = new("orders", "broker-a", 0);
    private static readonly DateTimeOffset Heard = new(2026, 11, 30, 12, 0, 0, TimeSpan.Zero);

    private readonly Stepped _world = new();
    private readonly FakeBrokers _brokers;
    private readonly QueueEnd _end;

    public QueueEndTests()
    {
        _brokers = new(_world.Time);
        _end = new(Queue, _brokers);
    }

    [Theory]
    [InlineData(40, 50, 100)]
    [InlineData(100, 100, 100)]
    [InlineData(120, 120, 100)]
    public void What_is_no_end_that_has_gone_back_is_where_the_broker_says(long next, long max, long asked)
    {
        Hear(stored: 5000);

        Assert.Equal(next, Correct(next, max, asked));
        Assert.Empty(_brokers.Searched);
    }

    [Fact]
    public void A_queue_that_has_heard_nothing_yet_goes_where_the_broker_says()
    {
        Assert.Equal(40, Correct(40, 40, 100));
        Assert.Empty(_brokers.Searched);
    }

    [Fact]
    public void What_was_stored_after_the_last_message_it_has_seen_is_new()
    {
        Hear(stored: 5000);
        Hear(stored: 4000);
        Hear();
        _brokers.Search = static _ => 30;

        Assert.Equal(30, Correct(40, 40, 100));

        Assert.Equal([5001L], _brokers.Searched);
    }

    [Fact]
    public void A_queue_that_has_seen_no_message_goes_by_when_it_last_heard_and_clocks_may_differ_by_a_minute()
    {
        Hear();
        _brokers.Search = static _ => 30;

        Assert.Equal(30, Correct(40, 40, 100));

        Assert.Equal([Heard.AddMinutes(-1).ToUnixTimeMilliseconds()], _brokers.Searched);
    }

    [Theory]
    [InlineData(5, 10)]
    [InlineData(60, 40)]
    public void It_goes_to_no_offset_the_broker_does_not_have(long found, long expected)
    {
        Hear(stored: 5000);
        _brokers.Search = _ => found;

        Assert.Equal(expected, Correct(40, 40, 100));
    }

    private void Hear(long? stored = null)
    {
        var messages = new List<MessageExt>();
        if (stored is { } timestamp)
        {
            MessageDecoder.DecodeAll(FakeBrokers.Record(Queue, 3, stored: timestamp), "broker-a", messages);
        }

        _end.Note(messages, Heard.Ticks);
    }

    private long Correct(long next, long max, long asked) => _world.Get(() => _end.CorrectAsync(
        new PullResult(PullStatus.OffsetIllegal, next, 10, max, 0, default), asked, Master, CancellationToken.None).AsTask());
}
