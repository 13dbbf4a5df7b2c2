using System.Globalization;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>What became of a load.</summary>
/// <param name="Stored">Messages the brokers have.</param>
/// <param name="Lost">Those no listener got.</param>
/// <param name="Duplicates">Deliveries of messages a listener had got before.</param>
/// <param name="QueueDisorder">First deliveries that came after one with a higher offset of the same queue.</param>
/// <param name="KeyDisorder">First deliveries that came after one with a higher offset of the same queue and key.</param>
/// <param name="Pauses">The longest time in which each queue delivered nothing, the shortest first.</param>
internal sealed record Outcome(
    long Stored, int Lost, int Duplicates, int QueueDisorder, int KeyDisorder, IReadOnlyList<TimeSpan> Pauses)
{
    private static readonly string[] Names = ["concurrent", "orderly", "key-ordered"];

    public TimeSpan LongestPause => Pauses.Count == 0 ? TimeSpan.Zero : Pauses[^1];

    /// <summary>What came out of the order that is promised.</summary>
    public int Disorder(ConsumeMode mode) => mode switch
    {
        ConsumeMode.Orderly => QueueDisorder,
        ConsumeMode.KeyOrdered => KeyDisorder,
        _ => 0,
    };

    /// <summary>The pause that this part of all queues did not exceed.</summary>
    public TimeSpan PauseOf(double part) => Pauses.Count == 0 ? TimeSpan.Zero : Pauses[(int)Math.Ceiling(part * Pauses.Count) - 1];

    /// <summary>A row of the table in docs/benchmarks.md.</summary>
    public string Row(string what, ConsumeMode mode, TimeSpan? balancedAfter) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {what}, {Names[(int)mode]} | {Lost} | {Duplicates} | {(mode == ConsumeMode.Concurrent ? "-" : Disorder(mode))} | {PauseOf(0.5).TotalMilliseconds:F0} | {PauseOf(0.99).TotalMilliseconds:F0} | {LongestPause.TotalMilliseconds:F0} | {(balancedAfter is { } time ? $"{time.TotalMilliseconds:F0}" : "-")} |");

    public static Outcome Of(IReadOnlyList<LoggedDelivery> deliveries, IEnumerable<EmbeddedBroker> brokers, long since)
    {
        var seen = new HashSet<(MessageQueue Queue, long Offset)>();
        var lastOfQueue = new Dictionary<MessageQueue, long>();
        var lastOfKey = new Dictionary<(MessageQueue Queue, string? Key), long>();
        var lastTime = new Dictionary<MessageQueue, long>();
        var pauses = new Dictionary<MessageQueue, TimeSpan>();
        var (queueDisorder, keyDisorder) = (0, 0);
        foreach (var delivery in deliveries)
        {
            if (delivery.Time >= since && lastTime.TryGetValue(delivery.Queue, out var time))
            {
                var pause = TimeProvider.System.GetElapsedTime(time, delivery.Time);
                pauses[delivery.Queue] = pauses.TryGetValue(delivery.Queue, out var longest) && longest > pause ? longest : pause;
            }

            lastTime[delivery.Queue] = delivery.Time;
            if (!seen.Add((delivery.Queue, delivery.Offset)))
            {
                continue;
            }

            queueDisorder += IsBehind(lastOfQueue, delivery.Queue, delivery.Offset) ? 1 : 0;
            keyDisorder += IsBehind(lastOfKey, (delivery.Queue, delivery.Key), delivery.Offset) ? 1 : 0;
        }

        var (stored, lost) = (0L, 0);
        foreach (var broker in brokers)
        {
            for (var queueId = 0; queueId < broker.QueueCount(SteadyLoad.Topic); queueId++)
            {
                var queue = new MessageQueue(SteadyLoad.Topic, broker.Name, queueId);
                var end = broker.MaxOffset(SteadyLoad.Topic, queueId);
                stored += end;
                for (var offset = 0L; offset < end; offset++)
                {
                    lost += seen.Contains((queue, offset)) ? 0 : 1;
                }
            }
        }

        return new(
            stored,
            lost,
            deliveries.Count - seen.Count,
            queueDisorder,
            keyDisorder,
            [.. pauses.Values.Order()]);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Stored} stored, {Lost} lost, {Duplicates} duplicates, {QueueDisorder} out of queue order, {KeyDisorder} out of key order, longest pause of a queue {LongestPause.TotalMilliseconds:F0} ms");

    private static bool IsBehind<TKey>(Dictionary<TKey, long> last, TKey key, long offset)
        where TKey : notnull
    {
        if (last.TryGetValue(key, out var highest) && highest > offset)
        {
            return true;
        }

        last[key] = offset;
        return false;
    }
}
