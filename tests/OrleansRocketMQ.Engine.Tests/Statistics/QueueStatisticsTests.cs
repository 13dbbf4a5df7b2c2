using System.Net;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Engine.Tests.Statistics;

/// <summary>Figures stay right however old a backlog is and whatever producers' clocks say (finding M14).</summary>
public sealed class QueueStatisticsTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 30, 0, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData(0L, 100L * 366 * 24 * 60 * 60 * 1000)]
    [InlineData(-1L, 300L * 24 * 60 * 60 * 1000)]
    public void Much_backlog_of_great_age_makes_no_sum_wrong(long born, long mostMilliseconds)
    {
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var statistics = new QueueStatistics(_time);
        var age = born < 0 ? mostMilliseconds : Math.Min(now, mostMilliseconds);
        var messages = Enumerable.Repeat(BornAt(now - age), 100).ToArray();
        const int Runs = 5000;
        for (var run = 0; run < Runs; run++)
        {
            statistics.Count(messages, failures: 0);
        }

        var totals = statistics.Totals();
        var expected = (double)age * 1000 * messages.Length * Runs;
        Assert.InRange(totals.LatencySumMicroseconds / expected, 0.999, 1.001);
        Assert.Equal(age * 1000, totals.LatencyMaxMicroseconds);
        var sum = ConsumeTotals.Sum(Enumerable.Repeat(totals, 100));
        Assert.InRange(sum.LatencySumMicroseconds / sum.Consumed / (age * 1000), 0.999, 1.001);
    }

    [Fact]
    public void A_message_from_the_future_or_from_before_all_clocks_counts_as_one_that_can_be_told()
    {
        var statistics = new QueueStatistics(_time);
        statistics.Count([BornAt(_time.GetUtcNow().ToUnixTimeMilliseconds() + 5000)], failures: 0);
        Assert.Equal((0.0, 0L), (statistics.Totals().LatencySumMicroseconds, statistics.Totals().LatencyMaxMicroseconds));

        statistics.Count([BornAt(long.MinValue / 2)], failures: 1);

        var totals = statistics.Totals();
        Assert.Equal((1L, 1L), (totals.Consumed, totals.Failed));
        Assert.InRange(TimeSpan.FromMicroseconds(totals.LatencyMaxMicroseconds), TimeSpan.FromDays(36_000), TimeSpan.FromDays(37_000));
    }

    private static MessageExt BornAt(long milliseconds) => Assert.Single(MessageDecoder.DecodeAll(
        new StoredMessage
        {
            Topic = "T",
            Body = new byte[1],
            BornTimestamp = milliseconds,
            BornHost = new IPEndPoint(IPAddress.Loopback, 1),
            StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
        }.Encode(),
        "broker-a"));
}
