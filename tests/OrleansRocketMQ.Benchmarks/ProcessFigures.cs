using System.Diagnostics;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>What this process has used between two moments.</summary>
internal readonly record struct ProcessFigures(long Timestamp, TimeSpan Cpu, long Allocated)
{
    // Of the environment's own question to the kernel, which is told in microseconds; the process's files know hundredths of a second.
    public static ProcessFigures Now() => new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());

    public static long PeakMegabytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / (1024 * 1024);
    }

    public TimeSpan Since(ProcessFigures earlier) => Stopwatch.GetElapsedTime(earlier.Timestamp, Timestamp);

    /// <summary>One line of the report.</summary>
    public string Report(string what, ProcessFigures start, long messages, int bodyLength)
    {
        var elapsed = Since(start);
        var cpuPerMillion = (Cpu - start.Cpu).TotalSeconds / messages * 1_000_000;
        var allocated = ((Allocated - start.Allocated) / (double)messages) - bodyLength;
        return FormattableString.Invariant(
            $"{what}: {messages / elapsed.TotalSeconds:0} msg/s | {cpuPerMillion:0.0000} CPU s per million | {allocated:0.0} B allocated per message beyond its body | peak {PeakMegabytes()} MB | GC {GC.CollectionCount(0)}/{GC.CollectionCount(1)}/{GC.CollectionCount(2)}");
    }
}
