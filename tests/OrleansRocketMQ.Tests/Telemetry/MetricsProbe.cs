using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Tests.Telemetry;

/// <summary>Listens to the meters of a cluster's silos as an exporter does, and to no other silo's.</summary>
internal sealed class MetricsProbe : IDisposable
{
    private readonly Lock _gate = new();
    private readonly MeterListener _listener = new();
    private readonly List<Measured> _measured = [];
    private readonly HashSet<Instrument> _instruments = [];
    private readonly Func<IMeterFactory?, bool> _isOurs;
    private List<Measured> _observed = [];

    private MetricsProbe(Func<IMeterFactory?, bool> isOurs)
    {
        _isOurs = isOurs;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == RocketMQTelemetry.MeterName && _isOurs(instrument.Meter.Scope as IMeterFactory))
            {
                lock (_gate)
                {
                    _instruments.Add(instrument);
                }

                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    public IReadOnlyCollection<Instrument> Instruments
    {
        get
        {
            lock (_gate)
            {
                return [.. _instruments];
            }
        }
    }

    /// <summary>Listens to the silos that run now, and if wanted to all producers of this process, those of other tests among them.</summary>
    public static MetricsProbe On(TestCluster cluster, bool withProducers = false)
    {
        var factories = cluster.Silos.Silos.Select(silo => cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IMeterFactory>()).ToHashSet();
        return new MetricsProbe(factory => factory is null ? withProducers : factories.Contains(factory));
    }

    /// <summary>What was measured so far, and for levels what they are now.</summary>
    public IReadOnlyList<Measured> Of(string instrument)
    {
        lock (_gate)
        {
            _observed = [];
        }

        _listener.RecordObservableInstruments();
        lock (_gate)
        {
            return [.. _measured.Concat(_observed).Where(measured => measured.Instrument == instrument)];
        }
    }

    public double Sum(string instrument, params (string Name, object? Value)[] tags)
        => Of(instrument).Where(measured => tags.All(tag => Equals(measured.Tags.GetValueOrDefault(tag.Name), tag.Value))).Sum(measured => measured.Value);

    public Task UntilAsync(string instrument, double sum, params (string Name, object? Value)[] tags)
        => Eventually.TrueAsync(() => Sum(instrument, tags) == sum, () => $"{instrument} is {sum}; it is {Sum(instrument, tags)}");

    public void Dispose() => _listener.Dispose();

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var measured = new Measured(instrument.Name, value, tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value));
        lock (_gate)
        {
            (instrument.IsObservable ? _observed : _measured).Add(measured);
        }
    }
}

/// <summary>One measurement.</summary>
internal sealed record Measured(string Instrument, double Value, IReadOnlyDictionary<string, object?> Tags);
