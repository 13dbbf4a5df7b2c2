using System.Diagnostics.Metrics;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// Counts and records. Whoever listens to a meter may fail; what is measured goes on all the same, and the failure is told of
/// once: a listener that fails, fails at every measurement. Thread-safe.
/// </summary>
/// <param name="tell">Tells of the failure.</param>
internal sealed class Measurements(Action<Instrument, Exception> tell)
{
    private int _told;

    public void Add(Counter<long> counter, long count, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        try
        {
            counter.Add(count, tags);
        }
        catch (Exception exception)
        {
            Told(counter, exception);
        }
    }

    public void Record(Histogram<double> histogram, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        try
        {
            histogram.Record(value, tags);
        }
        catch (Exception exception)
        {
            Told(histogram, exception);
        }
    }

    private void Told(Instrument instrument, Exception exception)
    {
        if (Interlocked.Exchange(ref _told, 1) == 0)
        {
            tell(instrument, exception);
        }
    }
}
