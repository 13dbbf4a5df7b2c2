using System.Diagnostics;
using System.Net;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What counting costs: the counters of a queue are told of run after run, as dispatchers do, and the time per message is
/// put in relation to 100,000 messages a second. Messages of one millisecond are as many as at that rate.
/// </summary>
internal static class StatisticsBenchmark
{
    private const int Rate = 100_000;
    private const int Messages = 4_000_000;

    public static int Run()
    {
        foreach (var runLength in new[] { 1, 8, 64 })
        {
            var runs = Runs(runLength);
            Measure(runs);
            var best = Enumerable.Range(0, 5).Select(_ => Measure(runs)).Min();
            Console.WriteLine(FormattableString.Invariant(
                $"statistics, runs of {runLength}: {best:0.0} ns per message, {best * Rate / 10_000_000:0.000} % of a core at {Rate} msg/s (best of 5 x {Messages} messages)"));
        }

        return 0;
    }

    private static double Measure(MessageExt[][] runs)
    {
        var statistics = new QueueStatistics(TimeProvider.System);
        var counted = 0;
        using var process = Process.GetCurrentProcess();
        var start = process.TotalProcessorTime;
        while (counted < Messages)
        {
            foreach (var run in runs)
            {
                statistics.Count(run, 0, TimeSpan.FromTicks(run.Length));
                counted += run.Length;
            }
        }

        process.Refresh();
        var cpu = process.TotalProcessorTime - start;
        return statistics.Totals().Consumed == counted ? cpu.TotalNanoseconds / counted : throw new InvalidOperationException("Messages were lost.");
    }

    private static MessageExt[][] Runs(int length)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        return
        [
            .. Enumerable.Range(0, 6400).Select(offset => MessageDecoder.DecodeAll(
                new StoredMessage
                {
                    Topic = "benchmark",
                    Body = new byte[64],
                    QueueOffset = offset,
                    BornTimestamp = now + (offset / (Rate / 1000)),
                    BornHost = new IPEndPoint(IPAddress.Loopback, 50000),
                    StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
                }.Encode(),
                "broker-a")[0]).Chunk(length),
        ];
    }
}
