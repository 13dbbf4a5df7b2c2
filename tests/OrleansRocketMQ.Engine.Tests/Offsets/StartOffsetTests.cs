using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Offsets;

/// <summary>A queue begins at the stored offset; without one where the group's setting says, as Java's client does.</summary>
public sealed class StartOffsetTests
{
    private static readonly MessageQueue Plain = new("orders", "broker-a", 1);
    private static readonly MessageQueue Retry = new("%RETRY%billing", "broker-a", 0);
    private static readonly DateTimeOffset Started = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly Stepped _world = new();
    private readonly FakeBrokers _brokers;
    private readonly FakeRoutes _routes = new();

    public StartOffsetTests()
    {
        _brokers = new(_world.Time) { MinOffset = 3, Search = static _ => 5 };
        _brokers.Store(Plain, 9);
        _brokers.Store(Retry, 7);
    }

    [Theory]
    [InlineData(ConsumeFromWhere.LastOffset, 9, 0)]
    [InlineData(ConsumeFromWhere.MaxOffset, 9, 0)]
    [InlineData(ConsumeFromWhere.MinOffset, 3, 0)]
    [InlineData(ConsumeFromWhere.FirstOffset, 0, 0)]
    [InlineData(ConsumeFromWhere.Timestamp, 5, 7)]
    public void Without_a_stored_offset_the_setting_says_where_and_failed_messages_are_all_consumed(
        ConsumeFromWhere where, long ofTopic, long ofRetryTopic)
        => Assert.Equal((ofTopic, ofRetryTopic), (Find(Plain, where), Find(Retry, where)));

    [Theory]
    [InlineData(ConsumeFromWhere.LastOffset)]
    [InlineData(ConsumeFromWhere.MinOffset)]
    [InlineData(ConsumeFromWhere.FirstOffset)]
    [InlineData(ConsumeFromWhere.Timestamp)]
    public void What_was_popped_and_is_to_come_again_is_all_consumed_by_every_setting(ConsumeFromWhere where)
    {
        var retries = Retry with { Topic = SystemTopics.PopRetryV2("orders", "billing") };
        _brokers.Store(retries, 7);

        Assert.Equal(0, Find(retries, where));
    }

    [Theory]
    [InlineData(ConsumeFromWhere.LastOffset)]
    [InlineData(ConsumeFromWhere.FirstOffset)]
    [InlineData(ConsumeFromWhere.Timestamp)]
    public void A_stored_offset_comes_before_every_setting(ConsumeFromWhere where)
    {
        _brokers.Offsets[Plain] = 4;

        Assert.Equal(4, Find(Plain, where));
        Assert.DoesNotContain(_brokers.Calls, call => call.Call != "query");
    }

    [Fact]
    public void A_time_that_is_not_set_is_half_an_hour_before_the_start()
    {
        Find(Plain, ConsumeFromWhere.Timestamp);
        Find(Plain, ConsumeFromWhere.Timestamp, Started.AddDays(-1));

        Assert.Equal([Started.AddMinutes(-30), Started.AddDays(-1)], _brokers.Searched.Select(DateTimeOffset.FromUnixTimeMilliseconds));
    }

    [Fact]
    public void What_is_known_here_does_not_count_and_a_store_that_cannot_be_asked_is_an_error()
    {
        var offsets = Store(new ConsumerOptions { Group = "billing" });
        offsets.Update(Plain, 2, increaseOnly: true);
        var start = new StartOffset(offsets, _brokers, new ConsumerOptions { Group = "billing" }, Started);
        Assert.Equal(9, _world.Get(() => start.FindAsync("broker-a:10911", Plain, CancellationToken.None)));

        _brokers.Faults["query"] = () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        var finding = _world.Begin(() => start.FindAsync("broker-a:10911", Plain, CancellationToken.None));
        Assert.IsType<BrokerResponseException>(finding.Exception!.InnerException);
    }

    private BrokerOffsetStore Store(ConsumerOptions options) => new(_brokers, _routes, options, new(_world.Time));

    private long Find(MessageQueue queue, ConsumeFromWhere where, DateTimeOffset? timestamp = null)
    {
        var options = new ConsumerOptions { Group = "billing", ConsumeFromWhere = where, ConsumeTimestamp = timestamp };
        var start = new StartOffset(Store(options), _brokers, options, Started);
        return _world.Get(() => start.FindAsync("broker-a:10911", queue, CancellationToken.None));
    }
}
