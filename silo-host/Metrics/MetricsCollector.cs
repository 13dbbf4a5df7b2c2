using System.Diagnostics.Metrics;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>
/// Keeps what the process's meters measure, from its creation on, and writes it as Prometheus reads it. Thread-safe.
/// </summary>
internal sealed class MetricsCollector : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Lock _collecting = new();
    private readonly Dictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();

    /// <param name="isWanted">Which meters count, by their names.</param>
    public MetricsCollector(Func<string, bool> isWanted)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (isWanted(instrument.Meter.Name) && FamilyOf(instrument) is { } family)
            {
                listener.EnableMeasurementEvents(instrument, new Target(family, IsChange: instrument.GetType().Name.StartsWith("UpDownCounter", StringComparison.Ordinal)));
            }
        };
        _listener.SetMeasurementEventCallback<byte>(static (_, value, tags, state) => Take(state, value, tags));
        _listener.SetMeasurementEventCallback<short>(static (_, value, tags, state) => Take(state, value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => Take(state, value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => Take(state, value, tags));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => Take(state, value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => Take(state, value, tags));
        _listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, state) => Take(state, (double)value, tags));
        _listener.Start();
    }

    /// <summary>Asks for what is observed, and writes all there is.</summary>
    /// <param name="onFailure">Gets what instruments throw; the others are written all the same.</param>
    public string Collect(Action<Exception>? onFailure = null)
    {
        lock (_collecting)
        {
            MetricFamily[] families;
            lock (_gate)
            {
                families = [.. _families.Values];
            }

            foreach (var family in families)
            {
                family.BeginCollection();
            }

            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException exception)
            {
                onFailure?.Invoke(exception);
            }

            return PrometheusText.Write(families);
        }
    }

    public void Dispose() => _listener.Dispose();

    private static void Take(object? state, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (state is Target target)
        {
            target.Family.Measure(value, tags, target.IsChange);
        }
    }

    /// <summary>Where an instrument's measurements go; null when its name is another kind's already.</summary>
    private MetricFamily? FamilyOf(Instrument instrument)
    {
        var type = instrument.GetType().Name;
        var kind = type switch
        {
            _ when type.StartsWith("Histogram", StringComparison.Ordinal) => MetricKind.Histogram,
            _ when type.StartsWith("Counter", StringComparison.Ordinal) || type.StartsWith("ObservableCounter", StringComparison.Ordinal) => MetricKind.Counter,
            _ => MetricKind.Gauge,
        };
        var bounds = instrument switch
        {
            Histogram<double> histogram => histogram.Advice?.HistogramBucketBoundaries,
            Histogram<long> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(bound => (double)bound).ToArray(),
            Histogram<int> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(bound => (double)bound).ToArray(),
            _ => null,
        };
        var name = PrometheusText.NameOf(instrument.Name, instrument.Unit, kind);
        lock (_gate)
        {
            if (!_families.TryGetValue(name, out var family))
            {
                family = _families[name] = new MetricFamily(name, kind, instrument.Description, instrument.IsObservable, bounds);
            }

            return family.Takes(kind, instrument.IsObservable) ? family : null;
        }
    }

    /// <param name="Family">The metric.</param>
    /// <param name="IsChange">Whether measurements of a gauge are changes.</param>
    private sealed record Target(MetricFamily Family, bool IsChange);
}
