using Perfolizer.Horology;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Tells BenchmarkDotNet the processor time of this process instead of the time of day. On a machine that others use too,
/// a benchmark waits for a core for longer than it has one. What is measured here is work alone and never waits otherwise.
/// </summary>
internal sealed class ProcessorClock : IClock
{
    public string Title => "processor time";

    public bool IsAvailable => true;

    public Frequency Frequency { get; } = new(TimeSpan.TicksPerSecond);

    public long GetTimestamp() => Environment.CpuUsage.TotalTime.Ticks;

    /// <summary>As the report's head names it.</summary>
    public override string ToString() => Title;
}
