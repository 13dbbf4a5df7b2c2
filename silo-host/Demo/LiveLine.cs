using Microsoft.Extensions.Options;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>Tells once a second how it goes: in one line that is written over on a terminal, in a line each elsewhere.</summary>
internal sealed class LiveLine(IRocketMQSiloStatus status, DemoLedger ledger, IOptions<DemoOptions> options) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        SiloGroupStatus? before = null;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var now = status.Groups.FirstOrDefault(group => group.Group == options.Value.Group);
                if (now is not null && before is not null)
                {
                    Show(before, now);
                }

                before = now;
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private void Show(SiloGroupStatus before, SiloGroupStatus now)
    {
        var latency = now.LatencyCounts.Zip(before.LatencyCounts, (later, earlier) => later - earlier).ToArray();
        var p99 = SiloGroupStatus.Percentile(latency, 0.99);
        var line = FormattableString.Invariant(
            $"{now.Consumed - before.Consumed,8} msg/s | consumed {ledger.Consumed} of {ledger.Sent} | lag {now.Lag} | {now.Queues.Count} queues here | p99 {p99.TotalMilliseconds:0.0} ms");
        if (Console.IsOutputRedirected)
        {
            Console.WriteLine(line);
        }
        else
        {
            Console.Write($"\r{line}   ");
        }
    }
}
