using System.Diagnostics.Metrics;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>What instruments measure is what a strict reader of the text format reads.</summary>
public sealed class MetricsCollectorTests : IDisposable
{
    private readonly Meter _meter = new($"test.{Guid.NewGuid()}");
    private readonly MetricsCollector _collector;

    public MetricsCollectorTests() => _collector = new MetricsCollector(name => name == _meter.Name);

    public void Dispose()
    {
        _collector.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public void Counters_add_up_by_their_tags_in_whatever_order()
    {
        var counter = _meter.CreateCounter<long>("messaging.client.consumed.messages", "{message}", "Messages.");
        counter.Add(3, new("a.b", "x"), new KeyValuePair<string, object?>("c", 1));
        counter.Add(4, new("c", 1), new KeyValuePair<string, object?>("a.b", "x"));
        counter.Add(5, new KeyValuePair<string, object?>("a.b", "y"));

        var told = PrometheusParser.Parse(_collector.Collect());

        Assert.Equal("counter", told.Types["messaging_client_consumed_messages_total"]);
        Assert.Equal("Messages.", told.Helps["messaging_client_consumed_messages_total"]);
        Assert.Equal(7, told.Sum("messaging_client_consumed_messages_total", ("a_b", "x"), ("c", "1")));
        Assert.Equal(5, told.Sum("messaging_client_consumed_messages_total", ("a_b", "y")));
    }

    [Fact]
    public void Histograms_have_the_buckets_their_instrument_advises()
    {
        var histogram = _meter.CreateHistogram<double>("took", "s", null, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 1, 2.5] });
        foreach (var value in new[] { 0.5, 0.6, 1, 2, 99 })
        {
            histogram.Record(value, new KeyValuePair<string, object?>("le", "mine"));
        }

        var told = PrometheusParser.Parse(_collector.Collect());

        Assert.Equal("histogram", told.Types["took_seconds"]);
        Assert.Equal(
            [("0.5", 1d), ("1", 3), ("2.5", 4), ("+Inf", 5)],
            told.Samples.Where(sample => sample.Name == "took_seconds_bucket").Select(sample => (sample.Labels["le"], sample.Value)));
        Assert.Equal(103.1, told.Sum("took_seconds_sum"), precision: 9);
        Assert.Equal(5, told.Sum("took_seconds_count", ("le_", "mine")));
    }

    [Fact]
    public void Levels_are_what_they_are_now_and_gone_when_nobody_tells_them()
    {
        var levels = new Dictionary<string, long> { ["q1"] = 10, ["q2"] = 20 };
        _meter.CreateObservableGauge("queue.lag", () => levels.Select(level => new Measurement<long>(level.Value, new KeyValuePair<string, object?>("queue", level.Key))), "{message}");
        _meter.CreateObservableCounter("failed", () => 7L);
        var change = _meter.CreateUpDownCounter<int>("open");
        change.Add(5);
        change.Add(-2);

        Assert.Equal(30, PrometheusParser.Parse(_collector.Collect()).Sum("queue_lag"));
        levels.Remove("q1");
        levels["q2"] = 3;
        var told = PrometheusParser.Parse(_collector.Collect());

        Assert.Equal(3, Assert.Single(told.Samples, sample => sample.Name == "queue_lag").Value);
        Assert.Equal(7, told.Sum("failed_total"));
        Assert.Equal(3, told.Sum("open"));
        Assert.Equal("gauge", told.Types["open"]);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("a \"quoted\" \\ and\nanother line")]
    [InlineData("")]
    [InlineData("ünïcode {}=,")]
    [InlineData("\\n")]
    public void Any_value_of_a_label_survives(string value)
    {
        _meter.CreateCounter<long>("c", null, value).Add(1, new KeyValuePair<string, object?>("0 odd-name", value));

        var told = PrometheusParser.Parse(_collector.Collect());

        Assert.Equal(value, Assert.Single(told.Samples).Labels["_0_odd_name"]);
        Assert.Equal(value, told.Helps.GetValueOrDefault("c_total", string.Empty));
    }

    [Theory]
    [InlineData("a.bytes", "By", "a_bytes")]
    [InlineData("a", "By", "a_bytes")]
    [InlineData("a", "ms", "a_milliseconds")]
    [InlineData("a", "1", "a")]
    [InlineData("a", "{word}", "a")]
    [InlineData("orleans-a", null, "orleans_a")]
    public void Names_say_their_unit_once(string instrument, string? unit, string name)
    {
        Assert.Equal(name, PrometheusText.NameOf(instrument, unit, MetricKind.Gauge));
        Assert.Equal($"{name}_total", PrometheusText.NameOf(instrument, unit, MetricKind.Counter));
    }

    [Fact]
    public void What_was_never_measured_is_announced_and_an_instrument_that_throws_hides_no_other()
    {
        _meter.CreateCounter<long>("never", null, "Never.");
        _meter.CreateObservableGauge("broken", long () => throw new InvalidOperationException("broken"));
        _meter.CreateObservableGauge("fine", () => 1.5);
        Exception? failure = null;

        var told = PrometheusParser.Parse(_collector.Collect(exception => failure = exception));

        Assert.Equal("counter", told.Types["never_total"]);
        Assert.Equal(1.5, Assert.Single(told.Samples).Value);
        Assert.IsType<InvalidOperationException>(Assert.Single(Assert.IsType<AggregateException>(failure).InnerExceptions));
    }

    [Fact]
    public void More_series_than_anybody_can_read_become_one()
    {
        var counter = _meter.CreateCounter<long>("many");
        for (var index = 0; index < MetricFamily.MostSeries + 10; index++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", index));
        }

        var told = PrometheusParser.Parse(_collector.Collect());

        Assert.Equal(MetricFamily.MostSeries + 1, told.Samples.Count);
        Assert.Equal(10, told.Sum("many_total", ("otel_metric_overflow", "true")));
    }

    [Fact]
    public void Counting_in_a_known_series_allocates_nothing()
    {
        var counter = _meter.CreateCounter<long>("c");
        KeyValuePair<string, object?>[] tags = [new("group", "billing"), new("topic", "orders")];
        counter.Add(1, tags);
        counter.Add(1, tags);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var index = 0; index < 1000; index++)
        {
            counter.Add(1, tags);
        }

        // What the runtime itself needs once is less than a byte for each.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 999);
    }

    [Fact]
    public async Task Measuring_and_collecting_may_happen_at_once()
    {
        var counter = _meter.CreateCounter<long>("c");
        var histogram = _meter.CreateHistogram<long>("h");
        var measuring = Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (var index = 0; index < 5000; index++)
            {
                counter.Add(1, new KeyValuePair<string, object?>("thread", thread));
                histogram.Record(index);
            }
        })).ToArray();
        while (!measuring.All(task => task.IsCompleted))
        {
            PrometheusParser.Parse(_collector.Collect());
        }

        await Task.WhenAll(measuring);
        var told = PrometheusParser.Parse(_collector.Collect());
        Assert.Equal(20_000, told.Sum("c_total"));
        Assert.Equal(20_000, told.Sum("h_count"));
    }
}
