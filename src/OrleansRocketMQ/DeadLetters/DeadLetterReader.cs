using System.Globalization;
using System.Runtime.CompilerServices;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>
/// Reads a group's dead-letter topic by plain pulls, which consume nothing. They go under the group itself: it must exist
/// anyway where somebody consumes, while a helper group would have to be made where brokers make none.
/// </summary>
internal sealed class DeadLetterReader(RocketMQClient client, string group)
{
    private readonly DeadLetterQueues _queues = new(client, SystemTopics.DeadLetter(group));

    /// <inheritdoc cref="DeadLetterQueues.FindAsync"/>
    public Task<IReadOnlyList<MessageQueue>> GetQueuesAsync(List<UnreadLetters> unread, CancellationToken cancellationToken)
        => _queues.FindAsync(unread, cancellationToken);

    /// <summary>Where the letters begin that are not handled.</summary>
    public async Task<long> GetPositionAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        var stored = await client.Brokers.QueryConsumerOffsetAsync(
            client.Routes.MasterOf(queue), group, queue, setZeroIfNotFound: false, cancellationToken) ?? 0;
        return Math.Max(stored, await client.Brokers.GetMinOffsetAsync(client.Routes.MasterOf(queue), queue, cancellationToken));
    }

    public Task SetPositionAsync(MessageQueue queue, long offset, CancellationToken cancellationToken)
        => client.Brokers.UpdateConsumerOffsetAsync(
            client.Routes.MasterOf(queue), group, queue, offset, cancellationToken: cancellationToken);

    public Task<long> GetEndAsync(MessageQueue queue, CancellationToken cancellationToken)
        => client.Brokers.GetMaxOffsetAsync(client.Routes.MasterOf(queue), queue, cancellationToken);

    /// <summary>All letters of a queue from an offset on, up to the end it has now.</summary>
    public async IAsyncEnumerable<MessageExt> ReadAsync(
        MessageQueue queue,
        long from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var messages = new List<MessageExt>();
        var end = await GetEndAsync(queue, cancellationToken);
        var offset = from;
        if (offset < end && _queues.ForbiddingPermission(queue) is { } permission)
        {
            throw Unreadable(queue, permission);
        }

        while (offset < end)
        {
            messages.Clear();
            var request = new PullRequest(group, queue, offset) { Expression = MessageSelector.AllTags, SuspendTimeout = TimeSpan.Zero };
            var result = await client.Brokers.PullAsync(client.Routes.MasterOf(queue), request, cancellationToken: cancellationToken);
            if (result.IsResetOf(offset))
            {
                // Told once. It is the position of the letters that was reset, and that is asked for before they are read.
                continue;
            }

            var next = result.Status == PullStatus.Found
                ? result.Decode(messages, queue.BrokerName, client.Options.DecoderOptions) ?? result.NextBeginOffset
                : result.NextBeginOffset;

            foreach (var message in messages.Where(message => message.QueueOffset < end))
            {
                yield return message;
            }

            if (next <= offset)
            {
                yield break;
            }

            offset = next;
        }
    }

    public static DeadLetter Describe(MessageExt message, MessageQueue queue) => new()
    {
        Position = new(queue, message.QueueOffset),
        MessageId = message.MessageId,
        OffsetMessageId = message.OffsetMessageId,
        OriginMessageId = message.OriginMessageId,
        Topic = OriginalTopic(message),
        Keys = message.Keys,
        Tags = message.Tags,
        ReconsumeTimes = message.ReconsumeTimes,
        Born = StoredTime.Of(message.BornTimestamp),
        Filed = StoredTime.Of(message.StoreTimestamp),
        BodyLength = message.Body.Length,
        BodyError = message.BodyError?.Message,
        Cause = CauseOf(message),
    };

    private static DeadLetterCause? CauseOf(MessageExt message)
    {
        if (Array.TrueForAll(MessageProperties.OfDeadLetters, name => message.GetProperty(name) is null))
        {
            return null;
        }

        return new()
        {
            Reason = Text(MessageProperties.DeadLetterReason),
            ErrorType = Text(MessageProperties.DeadLetterErrorType),
            Stack = Text(MessageProperties.DeadLetterStack),
            Attempts = (int)(Number(MessageProperties.DeadLetterAttempts) ?? 0),
            Group = Text(MessageProperties.DeadLetterGroup),
            Silo = Text(MessageProperties.DeadLetterSilo),
            FirstFailed = Time(MessageProperties.DeadLetterFirstFailed),
            LastFailed = Time(MessageProperties.DeadLetterLastFailed),
        };

        string Text(string name) => message.GetProperty(name) ?? string.Empty;
        long? Number(string name)
            => long.TryParse(message.GetProperty(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        DateTimeOffset? Time(string name) => Number(name) is { } number ? StoredTime.Of(number) : null;
    }

    public static string OriginalTopic(MessageExt message) => message.GetProperty(MessageProperties.RetryTopic)
        ?? message.GetProperty(MessageProperties.DlqOriginTopic)
        ?? message.Topic;

    private RocketMQException Unreadable(MessageQueue queue, int permission) => new(
        RocketMQErrorCode.MessagePull,
        $"Dead letters of group '{group}' may not be read: topic '{queue.Topic}' has permission {permission} "
            + $"on broker '{queue.BrokerName}', which is without reading. "
            + $"Change it: mqadmin updateTopicPerm -b {client.Routes.FindAddress(queue.BrokerName)?.Address} "
            + $"-t '{queue.Topic}' -p {permission | QueueData.ReadPermission}.");
}
