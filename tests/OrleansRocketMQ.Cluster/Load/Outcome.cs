using System.Globalization;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>What became of a load.</summary>
/// <param name="Stored">Messages the brokers have.</param>
/// <param name="Lost">Those no listener got.</param>
/// <param name="Duplicates">Deliveries of messages a listener had got before.</param>
/// <param name="QueueDisorder">First deliveries that came after one with a higher offset of the same queue.</param>
/// <param name="KeyDisorder">First deliveries that came after one with a higher offset of the same queue and key.</param>
/// <param name="LongestPause">The longest time in which a queue delivered nothing.</param>
/// <param name="Pauses">The longest pause of each queue.</param>
internal sealed record Outcome(
    long Stored, int Lost, int Duplicates, int QueueDisorder, int KeyDisorder, TimeSpan LongestPause, IReadOnlyList<TimeSpan> Pauses)
{
    public static Outcome Of(IReadOnlyList<LoggedDelivery> deliveries, IEnumerable<EmbeddedBroker> brokers)
    {
        var seen = new HashSet<(MessageQueue Queue, long Offset)>();
        var lastOfQueue = new Dictionary<MessageQueue, long>();
        var lastOfKey = new Dictionary<(MessageQueue Queue, string? Key), long>();
        var lastTime = new Dictionary<MessageQueue, long>();
        var pauses = new Dictionary<MessageQueue, TimeSpan>();
        var (queueDisorder, keyDisorder) = (0, 0);
        foreach (var delivery in deliveries)
        {
            if (lastTime.TryGetValue(delivery.Queue, out var time))
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
            pauses.Values.DefaultIfEmpty().Max(),
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
