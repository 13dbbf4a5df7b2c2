using System.Globalization;
using Orleans.Runtime;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// The key of a queue's grain: <c>group/topic/queueId/broker</c>, and before it <c>@instance/</c> when every instance of
/// the group has a grain of its own for the queue. Groups and topics cannot hold a slash or an at sign; a broker's name
/// may, so it comes last. A further share of a queue that is popped has an id below zero (<see cref="Engine.Contracts.QueueShare"/>).
/// </summary>
internal readonly record struct QueueGrainKey(string Group, MessageQueue Queue, string? Instance)
{
    /// <summary>Under this name silos of other versions reach queue grains, and storage keeps their records.</summary>
    public const string GrainTypeName = "messagequeue";

    private const char InstanceMark = '@';

    public static GrainType GrainType { get; } = GrainType.Create(GrainTypeName);

    /// <summary>The grain that has a queue.</summary>
    public static GrainId GrainOf(string group, MessageQueue queue, string? instance = null)
        => GrainId.Create(GrainType, Of(group, queue, instance));

    public static string Of(string group, MessageQueue queue, string? instance = null)
        => new QueueGrainKey(group, queue, instance).ToString();

    public static QueueGrainKey Parse(string key)
    {
        string? instance = null;
        var parts = key.Split('/', 4);
        if (key.StartsWith(InstanceMark))
        {
            parts = key.Split('/', 5);
            instance = Uri.UnescapeDataString(parts[0][1..]);
            parts = parts[1..];
        }

        return parts.Length == 4 && int.TryParse(parts[2], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var queueId)
            ? new(parts[0], new MessageQueue(parts[1], parts[3], queueId), instance)
            : throw new RocketMQValidationException("Key of a queue grain", key, "group/topic/queueId/broker");
    }

    public override string ToString()
    {
        var queue = string.Create(CultureInfo.InvariantCulture, $"{Group}/{Queue.Topic}/{Queue.QueueId}/{Queue.BrokerName}");
        return Instance is null ? queue : $"{InstanceMark}{Uri.EscapeDataString(Instance)}/{queue}";
    }
}
