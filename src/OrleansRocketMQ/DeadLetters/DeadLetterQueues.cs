using System.Text.Json;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>
/// Finds the queues of a group's dead letters, also those that no route tells of as readable: brokers up to 4.9 made the
/// topic with permission 2, and a name server may not know it yet. What cannot be found out is told, never taken for none.
/// </summary>
internal sealed class DeadLetterQueues(RocketMQClient client, string topic)
{
    private readonly Dictionary<string, int> _permissions = new(StringComparer.Ordinal);

    /// <summary>The queues there are, in order; none while nothing has died yet.</summary>
    /// <param name="unread">Gets an entry for each broker that could not be asked.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<IReadOnlyList<MessageQueue>> FindAsync(List<UnreadLetters> unread, CancellationToken cancellationToken)
    {
        var route = await ReadRouteAsync(cancellationToken);
        var queues = new SortedSet<MessageQueue>();
        foreach (var data in route?.Data.QueueDatas ?? [])
        {
            _permissions[data.BrokerName] = data.Perm;
            Add(data.BrokerName, data.IsReadable ? data.ReadQueueNums : Math.Max(data.ReadQueueNums, data.WriteQueueNums));
        }

        var with = route?.Data.QueueDatas.Select(data => data.BrokerName) ?? [];
        foreach (var broker in client.Routes.BrokerNames.Except(with, StringComparer.Ordinal).ToArray())
        {
            try
            {
                Add(broker, await CountAsync(broker, cancellationToken));
            }
            catch (RocketMQException exception)
            {
                unread.Add(new($"broker '{broker}'", exception));
            }
        }

        return [.. queues];

        void Add(string broker, int count)
        {
            for (var id = 0; id < count; id++)
            {
                queues.Add(new(topic, broker, id));
            }
        }
    }

    /// <summary>The permission of the topic on a broker when it forbids reading; null when it may be read, or nothing is known.</summary>
    public int? ForbiddingPermission(MessageQueue queue)
        => _permissions.TryGetValue(queue.BrokerName, out var permission) && (permission & QueueData.ReadPermission) == 0
            ? permission
            : null;

    private async Task<TopicRoute?> ReadRouteAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await client.Routes.RefreshAsync(topic, cancellationToken);
        }
        catch (TopicNotFoundException)
        {
            return client.Routes.Find(topic);
        }
    }

    /// <summary>How many queues of the topic a broker has; 0 when it has no such topic.</summary>
    private async Task<int> CountAsync(string broker, CancellationToken cancellationToken)
    {
        var address = client.Routes.FindAddress(broker)?.Address
            ?? throw new BrokerNotAvailableException($"No address of broker '{broker}' is known.");
        try
        {
            var request = RemotingCommand.Request(RequestCodes.GetTopicStatsInfo).Set("topic", topic);
            var answer = await client.Brokers.InvokeAsync(address, request, cancellationToken: cancellationToken);
            using var json = JsonDocument.Parse(TolerantJson.Normalize(answer.Body.Span).ToArray());
            return json.RootElement.TryGetProperty("offsetTable", out var queues) ? queues.EnumerateObject().Count() : 0;
        }
        catch (BrokerResponseException exception) when (exception.ResponseCode == ResponseCodes.TopicNotExist)
        {
            return 0;
        }
        catch (Exception exception) when (exception is BrokerResponseException or JsonException or InvalidOperationException)
        {
            // It may not be asked this by everybody. Brokers make the topic with one queue, whose end consumers may ask for.
            return await client.Brokers.GetMaxOffsetAsync(address, new MessageQueue(topic, broker, 0), cancellationToken) > 0 ? 1 : 0;
        }
    }
}

/// <summary>Dead letters that could not be read.</summary>
/// <param name="Where">The queue or broker.</param>
/// <param name="Reason">Why.</param>
internal sealed record UnreadLetters(string Where, RocketMQException Reason)
{
    public override string ToString() => $"{Where}: {Reason.Message}";

    /// <summary>One error for all of them.</summary>
    public static RocketMQException ErrorOf(IReadOnlyList<UnreadLetters> unread, string group) => unread switch
    {
        [{ Reason: BrokerResponseException { ResponseCode: ResponseCodes.NoPermission } refused }] => new(
            RocketMQErrorCode.MessagePull,
            $"Dead letters of group '{group}' may not be read: the account needs Sub and Get for topic "
                + $"'{SystemTopics.DeadLetter(group)}' on broker '{unread[0].Where}'. {refused.Message}",
            refused),
        [var only] => only.Reason,
        _ => new(
            RocketMQErrorCode.MessagePull,
            $"Dead letters of group '{group}' could not be read at {unread.Count} places. {string.Join(" ", unread)}",
            unread[0].Reason),
    };
}
