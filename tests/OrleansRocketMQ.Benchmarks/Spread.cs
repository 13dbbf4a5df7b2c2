namespace OrleansRocketMQ.Benchmarks;

/// <summary>Median, lowest and highest of some figures.</summary>
internal sealed class Spread(IEnumerable<double> figures)
{
    private readonly double[] _sorted = [.. figures.Order()];

    public double Median => (_sorted[(_sorted.Length - 1) / 2] + _sorted[_sorted.Length / 2]) / 2;

    public double Lowest => _sorted[0];

    public double Highest => _sorted[^1];

    public override string ToString() => FormattableString.Invariant($"{Median:0.000} ({Lowest:0.000}, {Highest:0.000})");
}
