using System.Globalization;

namespace OrleansRocketMQ.Configuration;

/// <summary>Reads queues from a setting: <c>topic/broker/0;topic/broker/2-5</c>.</summary>
internal static class QueueList
{
    private const string Expected = "queues joined by ';', each as topic/broker/number or topic/broker/first-last";

    // Far above any topic; a slip of the pen must not fill the memory.
    private const int MostInRange = 10_000;

    /// <exception cref="RocketMQConfigurationException">It is no such list.</exception>
    public static IReadOnlyList<MessageQueue> Parse(string field, string? text)
    {
        var queues = new List<MessageQueue>();
        foreach (var item in (text ?? string.Empty).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            // A broker's name may hold a slash, topics and numbers cannot.
            var first = item.IndexOf('/', StringComparison.Ordinal);
            var last = item.LastIndexOf('/');
            if (first <= 0 || last <= first + 1 || !TryRange(item[(last + 1)..], out var from, out var to))
            {
                throw new RocketMQConfigurationException(field, text, Expected);
            }

            for (var id = from; id <= to; id++)
            {
                queues.Add(new MessageQueue(item[..first], item[(first + 1)..last], id));
            }
        }

        return queues.Count > 0 ? queues : throw new RocketMQConfigurationException(field, text, Expected);
    }

    private static bool TryRange(string text, out int from, out int to)
    {
        var bounds = text.Split('-', 2, StringSplitOptions.TrimEntries);
        to = 0;
        return int.TryParse(bounds[0], NumberStyles.None, CultureInfo.InvariantCulture, out from)
            && int.TryParse(bounds[^1], NumberStyles.None, CultureInfo.InvariantCulture, out to)
            && to >= from
            && to - from < MostInRange;
    }
}
