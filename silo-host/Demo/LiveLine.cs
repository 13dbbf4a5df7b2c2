using System.Globalization;
using OrleansRocketMQ.SiloHost.Terminal;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>Tells once a second how it goes: in one line that is written over on a terminal, in a line each elsewhere.</summary>
internal sealed class LiveLine(IRocketMQSiloStatus status, DemoLedger ledger, DemoOptions options, HostConsole console) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private SiloGroupStatus? _before;
    private long _last = TimeProvider.System.GetTimestamp();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Who reads the output of a run with an end from a file or a script wants its verdict, not its course.
        if (options.HasEnd && !console.IsTerminal)
        {
            return;
        }

        using var timer = new PeriodicTimer(Period);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Show();
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private void Show()
    {
        try
        {
            var now = status.Groups.FirstOrDefault(group => group.Group == options.Group);
            if (now is not null && _before is not null)
            {
                console.ShowLive(Describe(_before, now, TimeProvider.System.GetElapsedTime(_last)));
            }

            _before = now;
            _last = TimeProvider.System.GetTimestamp();
        }
        catch (Exception)
        {
            // A line that cannot be told is no reason for the host to stop; the next one comes in a second.
        }
    }

    private string Describe(SiloGroupStatus before, SiloGroupStatus now, TimeSpan elapsed)
    {
        var rate = (now.Consumed - before.Consumed) / elapsed.TotalSeconds;
        var latency = now.LatencyCounts.Zip(before.LatencyCounts, (later, earlier) => later - earlier).ToArray();
        // Of the messages of this second alone, from their birth at the producer to the end of the listener's work.
        var p99 = latency.Any(count => count > 0)
            ? FormattableString.Invariant($"{SiloGroupStatus.Percentile(latency, 0.99).TotalMilliseconds:0.0} ms")
            : "-";
        var failed = now.Failed > 0 ? $" | failed {now.Failed}" : string.Empty;
        var lag = now.Lag?.ToString(CultureInfo.InvariantCulture) ?? "?";
        return FormattableString.Invariant($"{rate,7:0} msg/s | sent {ledger.Sent} | consumed {now.Consumed} | lag {lag} | ")
            + FormattableString.Invariant($"{QueuesOfTheTopic(now)} queues here | p99 {p99}{failed}");
    }

    // The group's retry topic has a queue, too; who asked for eight queues would wonder about the ninth.
    private int QueuesOfTheTopic(SiloGroupStatus now) => now.Queues.Count(queue => queue.Queue.Topic == options.Topic);
}
