using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>Makes messages for listeners out of what a pull brought of one queue.</summary>
internal sealed partial class PulledRecords(MessageQueue queue, QueueEnvironment environment, ILogger logger)
{
    private readonly string? _origin = environment.Group.OriginOf(queue.Topic);

    // "%RETRY%billing_orders" is where popped messages of topic "orders" come again to group "billing", and the retry topic of group
    // "billing_orders". Names of the second version have a sign in them that no group may have.
    private readonly bool _mayBeOfOthers = environment.Group.OriginOf(queue.Topic) is { } origin
        && queue.Topic == SystemTopics.PopRetryV1(origin, environment.Options.Group);

    private readonly bool _isLight = SystemTopics.IsLight(queue.Topic);

    private bool IsRetry => _origin is not null || queue.Topic == environment.Group.RetryTopic;

    /// <summary>Takes the messages out of an answer and tells where the next pull begins.</summary>
    /// <param name="result">The answer.</param>
    /// <param name="subscription">Who is not wanted by it is left out.</param>
    /// <param name="messages">Where they go.</param>
    /// <exception cref="MessageFormatException">The very first record is broken. It is asked for again: it must not be skipped.</exception>
    public long Decode(PullResult result, Subscription subscription, List<MessageExt> messages)
    {
        var next = result.NextBeginOffset;
        try
        {
            next = result.Decode(messages, queue.BrokerName, environment.DecoderOptions) ?? next;
        }
        catch (MessageFormatException exception) when (messages.Count > 0)
        {
            // What stands before a broken record is good; the next pull begins at the broken one.
            next = messages[^1].QueueOffset + 1;
            Log.BrokenRecord(logger, environment.Options.Group, queue.Topic, queue.BrokerName, queue.QueueId, next, exception);
        }

        if (!subscription.Selector.SelectsAll)
        {
            messages.RemoveAll(message => !subscription.Wants(message));
        }

        if (_mayBeOfOthers)
        {
            messages.RemoveAll(message => !CameByPop(message));
        }

        if (_isLight)
        {
            messages.RemoveAll(IsDeadLetter);
        }

        if (IsRetry || _isLight)
        {
            for (var index = 0; index < messages.Count; index++)
            {
                messages[index] = TopicOf(messages[index]) is { } topic ? messages[index].WithTopic(topic) : messages[index];
            }
        }

        return next;
    }

    // A dead letter keeps the names of the light queues it was in, and brokers list it there once more: it would fail there for ever.
    private static bool IsDeadLetter(MessageExt message)
        => message.Topic.StartsWith(SystemTopics.DeadLetterPrefix, StringComparison.Ordinal);

    // Brokers note when they bring a popped message again that it was popped. One that another group popped, pulled from a retry topic
    // and sent back tells whence, and that is elsewhere.
    private bool CameByPop(MessageExt message)
        => message.GetProperty(MessageProperties.FirstPopTime) is not null && TopicOf(message) == _origin;

    // One that was pulled from a retry topic of pops and failed comes from the group's own, which tells of the former.
    private string? TopicOf(MessageExt message)
    {
        if (_isLight)
        {
            return queue.Topic;
        }

        var told = message.GetProperty(MessageProperties.RetryTopic) is { } topic ? environment.Names.Unwrap(topic) : _origin;
        return told is null ? null : environment.Group.OriginOf(told) ?? LightQueueOf(message, told) ?? told;
    }

    // One of a light queue that failed tells the ordinary topic, which the group may not consume.
    private string? LightQueueOf(MessageExt message, string topic)
        => message.GetProperty(MessageProperties.MultiDispatch) is { } names && environment.Group.FindSubscription(topic) is null
            ? LightQueues.NamesOf(names).FirstOrDefault(name => environment.Group.FindSubscription(name) is not null)
            : null;

    private static partial class Log
    {
        [LoggerMessage(
            137,
            LogLevel.Error,
            "Group {Group} cannot decode the message at {Topic} {Broker}/{QueueId} offset {Offset} or behind it; what came before it "
            + "is consumed")]
        public static partial void BrokenRecord(
            ILogger logger, string group, string topic, string broker, int queueId, long offset, Exception exception);
    }
}
