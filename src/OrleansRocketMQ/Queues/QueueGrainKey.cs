using System.Globalization;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// The key of a queue's grain: <c>group/topic/queueId/broker</c>. Groups and topics cannot hold a slash; a broker's name
/// may, so it comes last.
/// </summary>
internal static class QueueGrainKey
{
    public static string Of(string group, MessageQueue queue)
        => string.Create(CultureInfo.InvariantCulture, $"{group}/{queue.Topic}/{queue.QueueId}/{queue.BrokerName}");

    public static (string Group, MessageQueue Queue) Parse(string key)
    {
        var parts = key.Split('/', 4);
        return parts.Length == 4 && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var queueId)
            ? (parts[0], new MessageQueue(parts[1], parts[3], queueId))
            : throw new RocketMQValidationException("Key of a queue grain", key, "group/topic/queueId/broker");
    }
}
