using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Tests.Statistics;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Nothing_recorded_means_zero()
        => Assert.Equal(0, LatencyHistogram.Percentile(new LatencyHistogram().Snapshot(), 0.99));

    [Fact]
    public void A_percentile_is_never_too_low_and_at_most_an_eighth_too_high()
        => Check.QuickThrowOnFailure(Prop.ForAll(
            Gen.Choose(0, int.MaxValue).NonEmptyListOf().ToArbitrary(),
            values =>
            {
                var histogram = new LatencyHistogram();
                foreach (var value in values)
                {
                    histogram.Record(value);
                }

                var exact = values.Order().ElementAt((int)Math.Ceiling(values.Count * 0.9) - 1);
                var found = LatencyHistogram.Percentile(histogram.Snapshot(), 0.9);
                Assert.InRange(found, exact, exact + (exact / 8L) + 1);
            }));
}
