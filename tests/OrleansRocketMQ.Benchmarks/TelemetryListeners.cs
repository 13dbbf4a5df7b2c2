using System.Diagnostics;
using System.Diagnostics.Metrics;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Listeners as exporters have them, which take everything and keep next to nothing.</summary>
internal static class TelemetryListeners
{
    public static IDisposable ToMetrics()
    {
        var sum = 0L;
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == RocketMQTelemetry.MeterName)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref sum, value));
        listener.SetMeasurementEventCallback<double>((_, _, _, _) => Interlocked.Increment(ref sum));
        listener.Start();
        return listener;
    }

    public static IDisposable ToTraces()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == RocketMQTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
