using System.Runtime.CompilerServices;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>Reads a group's dead-letter topic under a group of its own, so that nothing of it is consumed.</summary>
internal sealed class DeadLetterReader(RocketMQClient client, string group)
{
    /// <summary>The group whose offsets say how far the dead letters are handled. Nobody consumes under it.</summary>
    public string BookkeepingGroup { get; } = $"DLQ_OF_{group}";

    /// <summary>The queues there are, in order; none while nothing has died yet.</summary>
    public async Task<IReadOnlyList<MessageQueue>> GetQueuesAsync(CancellationToken cancellationToken)
    {
        try
        {
            var route = await client.Routes.RefreshAsync(SystemTopics.DeadLetter(group), cancellationToken);
            return [.. route.ReadQueues.Order()];
        }
        catch (TopicNotFoundException)
        {
            return [];
        }
    }

    /// <summary>Where the letters begin that are not handled.</summary>
    public async Task<long> GetPositionAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        var stored = await client.Brokers.QueryConsumerOffsetAsync(MasterOf(queue), BookkeepingGroup, queue, setZeroIfNotFound: false, cancellationToken) ?? 0;
        return Math.Max(stored, await client.Brokers.GetMinOffsetAsync(MasterOf(queue), queue, cancellationToken));
    }

    public Task SetPositionAsync(MessageQueue queue, long offset, CancellationToken cancellationToken)
        => client.Brokers.UpdateConsumerOffsetAsync(MasterOf(queue), BookkeepingGroup, queue, offset, cancellationToken: cancellationToken);

    public Task<long> GetEndAsync(MessageQueue queue, CancellationToken cancellationToken)
        => client.Brokers.GetMaxOffsetAsync(MasterOf(queue), queue, cancellationToken);

    /// <summary>All letters of a queue from an offset on, up to the end it has now.</summary>
    public async IAsyncEnumerable<MessageExt> ReadAsync(MessageQueue queue, long from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var messages = new List<MessageExt>();
        var end = await GetEndAsync(queue, cancellationToken);
        var offset = from;
        while (offset < end)
        {
            messages.Clear();
            var request = new PullRequest(BookkeepingGroup, queue, offset) { Expression = MessageSelector.AllTags, SuspendTimeout = TimeSpan.Zero };
            var result = await client.Brokers.PullAsync(MasterOf(queue), request, cancellationToken: cancellationToken);
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
        Born = DateTimeOffset.FromUnixTimeMilliseconds(message.BornTimestamp),
        Filed = DateTimeOffset.FromUnixTimeMilliseconds(message.StoreTimestamp),
        BodyLength = message.Body.Length,
        BodyError = message.BodyError?.Message,
    };

    public static string OriginalTopic(MessageExt message) => message.GetProperty(MessageProperties.RetryTopic)
        ?? message.GetProperty(MessageProperties.DlqOriginTopic)
        ?? message.Topic;

    private string MasterOf(MessageQueue queue) => client.Routes.FindAddress(queue.BrokerName)?.Address
        ?? throw new BrokerNotAvailableException($"No master of broker '{queue.BrokerName}' is known for {queue}.");
}
