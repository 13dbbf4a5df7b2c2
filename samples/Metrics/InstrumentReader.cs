using System.Diagnostics.Metrics;
using System.Globalization;
using OrleansRocketMQ.Telemetry;

namespace Metrics;

/// <summary>
/// Listens to the silo's meter, as exporters of OpenTelemetry or Prometheus do, and adds up what it hears of one group.
/// Thread-safe: instruments report from wherever they are used.
/// </summary>
internal sealed class InstrumentReader : IDisposable
{
    private readonly Lock _gate = new();
    private readonly string _group;
    private readonly MeterListener _listener = new();
    private readonly SortedDictionary<string, Reading> _readings = new(StringComparer.Ordinal);

    public InstrumentReader(string group)
    {
        _group = group;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == RocketMQTelemetry.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>What was counted by a counter so far, for one value of error.type; without one, what succeeded.</summary>
    public double Total(string instrument, string? error = null)
    {
        lock (_gate)
        {
            return _readings.Values.Where(reading => reading.Name == instrument && reading.Error == error).Sum(reading => reading.Sum);
        }
    }

    /// <summary>A line for each instrument and kind of error.</summary>
    public IReadOnlyList<string> Read()
    {
        lock (_gate)
        {
            // A level is what the queues say now, and their sum; what they said before is over.
            foreach (var level in _readings.Values.Where(reading => reading.IsLevel))
            {
                (level.Sum, level.Count) = (0, 0);
            }
        }

        _listener.RecordObservableInstruments();
        lock (_gate)
        {
            return [.. _readings.Values.Select(reading => reading.ToString())];
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string? group = null;
        string? error = null;
        foreach (var (name, tag) in tags)
        {
            group = name == "messaging.consumer.group.name" ? tag as string : group;
            error = name == "error.type" ? tag as string : error;
        }

        if (group != _group)
        {
            return;
        }

        lock (_gate)
        {
            var key = $"{instrument.Name} {error}";
            if (!_readings.TryGetValue(key, out var reading))
            {
                _readings[key] = reading = new Reading(instrument, error);
            }

            reading.Sum += value;
            reading.Count++;
        }
    }

    private sealed class Reading(Instrument instrument, string? error)
    {
        public string Name => instrument.Name;

        public string? Error => error;

        public bool IsLevel => instrument.IsObservable;

        public double Sum { get; set; }

        public long Count { get; set; }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name,-42} {Value} {error}").TrimEnd();

        private string Value => instrument is Histogram<double>
            ? string.Create(CultureInfo.InvariantCulture, $"{Count} times, {Sum / Math.Max(1, Count) * 1000:0.0} ms on average")
            : string.Create(CultureInfo.InvariantCulture, $"{Sum} {instrument.Unit}");
    }
}
