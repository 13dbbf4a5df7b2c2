using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// What the activities of all calls for messages of a topic in a queue have in common, made once: their name and their tags.
/// Immutable.
/// </summary>
internal sealed class ProcessTags
{
    // Of groups that run in this process. They go with the group.
    private static readonly ConditionalWeakTable<ConsumerGroupRuntime, ConcurrentDictionary<(MessageQueue, string), ProcessTags>> Known
        = [];

    private readonly string? _server;
    private readonly string _topic;

    private ProcessTags(string group, ConsumerGroupRuntime? consumer, MessageQueue queue, string topic, string? server)
    {
        _server = server;
        _topic = topic;
        Name = $"{MessagingAttributes.Process} {topic}";
        Tags =
        [
            new(MessagingAttributes.System, MessagingAttributes.RocketMQ),
            new(MessagingAttributes.OperationName, MessagingAttributes.Process),
            new(MessagingAttributes.OperationType, MessagingAttributes.Process),
            new(MessagingAttributes.Destination, topic),
            new(MessagingAttributes.Partition, MessagingAttributes.PartitionOf(queue)),
            new(MessagingAttributes.ConsumerGroup, group),
            .. consumer is null ? [] : OfConsumer(consumer, server),
        ];
    }

    /// <summary>The name of an activity.</summary>
    public string Name { get; }

    /// <summary>The tags of an activity, each once.</summary>
    public KeyValuePair<string, object?>[] Tags { get; }

    /// <summary>Those of a topic's messages in a queue. Messages that come again have another topic than their queue.</summary>
    /// <param name="last">Those of the run's batch before, which mostly has the same topic; null for its first.</param>
    /// <param name="group">The group.</param>
    /// <param name="consumers">The groups on this silo; the group need not be one of them.</param>
    /// <param name="queue">The queue the run was pulled from.</param>
    /// <param name="topic">The topic of the messages.</param>
    public static ProcessTags Of(ProcessTags? last, string group, ConsumerRegistry consumers, MessageQueue queue, string topic)
        => last?._topic == topic ? last : Of(group, consumers.Find(group), queue, topic);

    private static ProcessTags Of(string group, ConsumerGroupRuntime? consumer, MessageQueue queue, string topic)
    {
        if (consumer is null)
        {
            return new(group, consumer, queue, topic, server: null);
        }

        var ofGroup = Known.GetOrCreateValue(consumer);
        var server = consumer.Client.Routes.FindAddressOf(queue)?.Address;
        if (!ofGroup.TryGetValue((queue, topic), out var known) || known._server != server)
        {
            ofGroup[(queue, topic)] = known = new(group, consumer, queue, topic, server);
        }

        return known;
    }

    private static IEnumerable<KeyValuePair<string, object?>> OfConsumer(ConsumerGroupRuntime consumer, string? server)
    {
        if (consumer.Client.Options.Namespace is { } space)
        {
            yield return new(MessagingAttributes.Namespace, space);
        }

        yield return new(MessagingAttributes.ClientId, consumer.Client.ClientId);
        yield return new(
            MessagingAttributes.ConsumptionModel,
            consumer.Options.MessageModel == MessageModel.Broadcasting ? "broadcasting" : "clustering");
        foreach (var tag in OperationDuration.TagsOf(server))
        {
            yield return tag;
        }
    }
}
