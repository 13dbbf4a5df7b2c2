using System.Diagnostics.Metrics;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>The kinds of metrics of the text format.</summary>
internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>
/// All time series of one metric. Finding a series costs no allocation once it exists; there are at most
/// <see cref="MostSeries"/>, what comes beyond them is summed up in one of its own. Thread-safe.
/// </summary>
internal sealed class MetricFamily
{
    public const int MostSeries = 5000;

    // OpenTelemetry's own, for histograms whose instrument advises none.
    private static readonly double[] DefaultBounds = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];
    private static readonly KeyValuePair<string, object?>[] OverflowTags = [new("otel.metric.overflow", true)];

    private readonly Lock _gate = new();
    private readonly Dictionary<int, List<Series>> _byHash = [];
    private readonly double[] _bounds;
    private readonly bool _isObserved;
    private int _count;

    public MetricFamily(string name, MetricKind kind, string? help, bool isObserved, IReadOnlyList<double>? bounds)
    {
        Name = name;
        Kind = kind;
        Help = help ?? string.Empty;
        _isObserved = isObserved;
        _bounds = kind == MetricKind.Histogram ? [.. bounds ?? DefaultBounds] : [];
    }

    public string Name { get; }

    public MetricKind Kind { get; }

    public string Help { get; }

    /// <summary>Upper bounds of the buckets but the last, which has none.</summary>
    public IReadOnlyList<double> Bounds => _bounds;

    /// <summary>Whether a further instrument's measurements can be told under the same name.</summary>
    public bool Takes(MetricKind kind, bool isObserved) => Kind == kind && _isObserved == isObserved;

    /// <summary>Levels and sums that are asked for begin anew with every collection; what is not told any more is gone.</summary>
    public void BeginCollection()
    {
        if (_isObserved)
        {
            lock (_gate)
            {
                _byHash.Clear();
                _count = 0;
            }
        }
    }

    /// <summary>Takes a measurement in: of a counter what is added, of a gauge what it is now.</summary>
    /// <param name="value">The value.</param>
    /// <param name="tags">What it is about.</param>
    /// <param name="isChange">Whether a gauge has changed by the value, instead of being it.</param>
    public void Measure(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, bool isChange)
    {
        lock (_gate)
        {
            var series = Find(tags);
            if (Kind == MetricKind.Gauge && !isChange)
            {
                series.Value = value;
                return;
            }

            series.Value += value;
            if (series.Counts is { } counts)
            {
                counts[BucketOf(value)]++;
            }
        }
    }

    /// <summary>A copy of all series.</summary>
    public IReadOnlyList<SeriesSnapshot> Snapshot()
    {
        lock (_gate)
        {
            return [.. _byHash.Values.SelectMany(all => all).Select(series => new SeriesSnapshot(series.Tags, series.Value, series.Counts is null ? [] : [.. series.Counts]))];
        }
    }

    private int BucketOf(double value)
    {
        var bucket = 0;
        while (bucket < _bounds.Length && value > _bounds[bucket])
        {
            bucket++;
        }

        return bucket;
    }

    private Series Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = default(HashCode);
        foreach (var (key, value) in tags)
        {
            hash.Add(key);
            hash.Add(value);
        }

        var code = hash.ToHashCode();
        if (!_byHash.TryGetValue(code, out var sameHash))
        {
            if (_count >= MostSeries)
            {
                return Overflow();
            }

            _byHash[code] = sameHash = [];
        }

        foreach (var series in sameHash)
        {
            if (AreSame(series.Tags, tags))
            {
                return series;
            }
        }

        return _count >= MostSeries ? Overflow() : Add(sameHash, tags);
    }

    // The framework's own comparison of spans would box every tag.
    private static bool AreSame(KeyValuePair<string, object?>[] known, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (known.Length != tags.Length)
        {
            return false;
        }

        for (var index = 0; index < tags.Length; index++)
        {
            if (known[index].Key != tags[index].Key || !Equals(known[index].Value, tags[index].Value))
            {
                return false;
            }
        }

        return true;
    }

    private Series Overflow()
    {
        const int Key = 0;
        if (!_byHash.TryGetValue(Key, out var all))
        {
            _byHash[Key] = all = [];
        }

        return all.Find(series => ReferenceEquals(series.Tags, OverflowTags)) ?? AddOverflow(all);
    }

    private Series AddOverflow(List<Series> all)
    {
        var series = new Series(OverflowTags, NewCounts());
        all.Add(series);
        return series;
    }

    private Series Add(List<Series> sameHash, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var series = new Series(tags.ToArray(), NewCounts());
        sameHash.Add(series);
        _count++;
        return series;
    }

    private long[]? NewCounts() => Kind == MetricKind.Histogram ? new long[_bounds.Length + 1] : null;

    private sealed class Series(KeyValuePair<string, object?>[] tags, long[]? counts)
    {
        public KeyValuePair<string, object?>[] Tags => tags;

        /// <summary>The sum, or the level.</summary>
        public double Value { get; set; }

        /// <summary>Of a histogram: how many values fell into each bucket alone.</summary>
        public long[]? Counts => counts;
    }
}

/// <summary>A series at one moment.</summary>
/// <param name="Tags">What it is about.</param>
/// <param name="Value">The sum, or the level.</param>
/// <param name="Counts">Of a histogram: how many values fell into each bucket alone.</param>
internal sealed record SeriesSnapshot(IReadOnlyList<KeyValuePair<string, object?>> Tags, double Value, long[] Counts);
