using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>Every queue of a silo with many is told.</summary>
public sealed class QueueSeriesTests
{
    [Fact]
    public void The_lag_of_a_silo_with_more_than_5000_queues_is_that_of_all_of_them()
    {
        const int Queues = QueueSeries.Most;
        using var meter = new Meter($"test.{Guid.NewGuid()}");
        meter.CreateObservableGauge("orleans_rocketmq.queue.lag", () => Enumerable.Range(0, Queues).Select(queue => new Measurement<long>(1, new KeyValuePair<string, object?>("queue", queue))));
        using var exporter = new Sum();
        using var provider = Sdk.CreateMeterProviderBuilder().AddMeter(meter.Name).AddView(QueueSeries.StreamOf).AddReader(new BaseExportingMetricReader(exporter)).Build();

        Assert.True(provider.ForceFlush());

        Assert.Equal((Queues, Queues), (exporter.Total, exporter.Series));
    }

    [Fact]
    public void Other_instruments_keep_their_own_limits_and_buckets()
    {
        using var meter = new Meter($"test.{Guid.NewGuid()}");

        Assert.Null(QueueSeries.StreamOf(meter.CreateHistogram<double>("orleans_rocketmq.queue.hand_over.pause")));
        Assert.Null(QueueSeries.StreamOf(meter.CreateObservableGauge("orleans-catalog-activations", () => 1L)));
    }

    /// <summary>Adds up what it is told.</summary>
    private sealed class Sum : BaseExporter<Metric>
    {
        public long Total { get; private set; }

        public int Series { get; private set; }

        public override ExportResult Export(in Batch<Metric> batch)
        {
            foreach (var metric in batch)
            {
                foreach (ref readonly var point in metric.GetMetricPoints())
                {
                    Total += point.GetGaugeLastValueLong();
                    Series++;
                }
            }

            return ExportResult.Success;
        }
    }
}
