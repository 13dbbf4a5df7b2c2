namespace WindowedCounts;

/// <summary>The producer's clock. A demo does not wait until minutes are over.</summary>
internal sealed class DemoClock(DateTimeOffset start) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = start;

    public override DateTimeOffset GetUtcNow() => Now;
}
