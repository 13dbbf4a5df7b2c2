using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>Which offset is meant when several messages were stored at the time searched for. Mirrors <c>BoundaryType</c>.</summary>
public enum OffsetBoundary
{
    /// <summary>The first of them.</summary>
    Lower = 0,

    /// <summary>The last of them.</summary>
    Upper = 1,
}

public sealed partial class BrokerClient
{
    /// <summary>QUERY_CONSUMER_OFFSET: what a group has committed on a queue.</summary>
    /// <param name="address">The broker.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="setZeroIfNotFound">
    /// Whether a broker without a commit may answer 0 when the queue is young enough. Null leaves it to the broker, which
    /// then does (as Java's client has it); false makes the answer null.
    /// </param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>The offset, or null when the group has committed none (QUERY_NOT_FOUND).</returns>
    public async Task<long?> QueryConsumerOffsetAsync(
        string address,
        string consumerGroup,
        MessageQueue queue,
        bool? setZeroIfNotFound = null,
        CancellationToken cancellationToken = default)
    {
        var request = QueueRequest(RequestCodes.QueryConsumerOffset, queue).Set("consumerGroup", consumerGroup);
        if (setZeroIfNotFound is { } zero)
        {
            request.Set("setZeroIfNotFound", zero);
        }

        var response = await AskAsync(address, request, PatientTimeout, cancellationToken).ConfigureAwait(false);
        return response.Code switch
        {
            // A number below zero is how Java's clients, and servers made after them, say that there is none.
            ResponseCodes.Success => response.GetInt64("offset") is >= 0 and var offset ? offset : null,
            ResponseCodes.QueryNotFound => null,
            _ => throw Refused(address, request, response),
        };
    }

    /// <summary>UPDATE_CONSUMER_OFFSET: commits an offset.</summary>
    /// <param name="address">The broker, by rule the master.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="offset">The position of the next message to consume.</param>
    /// <param name="oneWay">Whether to do without the broker's answer, as Java does while running. Default false.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    public Task UpdateConsumerOffsetAsync(
        string address,
        string consumerGroup,
        MessageQueue queue,
        long offset,
        bool oneWay = false,
        CancellationToken cancellationToken = default)
    {
        var request = QueueRequest(RequestCodes.UpdateConsumerOffset, queue, oneWay)
            .Set("consumerGroup", consumerGroup)
            .Set("commitOffset", offset);
        return oneWay
            ? TellAsync(address, request, cancellationToken).AsTask()
            : InvokeAsync(address, request, PatientTimeout, cancellationToken);
    }

    /// <summary>
    /// UPDATE_CONSUMER_OFFSET: from then on the group has no offset for one piece of a logical queue, named by the broker that has it and
    /// the id it has there. Below zero is none, also to brokers.
    /// </summary>
    internal Task ForgetPieceOffsetAsync(
        string address, string consumerGroup, MessageQueue piece, CancellationToken cancellationToken = default)
        => InvokeAsync(
            address,
            QueueRequest(RequestCodes.UpdateConsumerOffset, piece)
                .Set("consumerGroup", consumerGroup).Set("commitOffset", -1).Set("lo", false),
            PatientTimeout,
            cancellationToken);

    /// <summary>
    /// INVOKE_BROKER_TO_RESET_OFFSET, of one queue: the group's next pull of it is told to go on there, and commits are
    /// ignored until then. Brokers from 5.2 on; older ones tell the members, of all queues.
    /// </summary>
    internal Task ResetConsumerOffsetAsync(
        string address, string consumerGroup, MessageQueue queue, long offset, CancellationToken cancellationToken = default)
    {
        // The time is not asked for when there is an offset, but must be there.
        var request = QueueRequest(RequestCodes.InvokeBrokerToResetOffset, queue)
            .Set("group", consumerGroup).Set("offset", offset).Set("timestamp", -1).Set("isForce", true);
        return InvokeAsync(address, request, PatientTimeout, cancellationToken);
    }

    /// <summary>GET_MAX_OFFSET: the position behind the last message of a queue.</summary>
    public Task<long> GetMaxOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken = default)
        => NumberAsync(address, QueueRequest(RequestCodes.GetMaxOffset, queue).Set("committed", true), "offset", cancellationToken);

    /// <summary>GET_MIN_OFFSET: the position of the first message a queue still holds.</summary>
    public Task<long> GetMinOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken = default)
        => NumberAsync(address, QueueRequest(RequestCodes.GetMinOffset, queue), "offset", cancellationToken);

    /// <summary>SEARCH_OFFSET_BY_TIMESTAMP: where in a queue the messages stored at a time are.</summary>
    /// <param name="address">The broker.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="timestamp">Milliseconds since 1970 UTC.</param>
    /// <param name="boundary">Which of several offsets.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    public Task<long> SearchOffsetAsync(
        string address,
        MessageQueue queue,
        long timestamp,
        OffsetBoundary boundary = OffsetBoundary.Lower,
        CancellationToken cancellationToken = default)
    {
        var request = QueueRequest(RequestCodes.SearchOffsetByTimestamp, queue)
            .Set("timestamp", timestamp)
            .Set("boundaryType", boundary == OffsetBoundary.Upper ? "UPPER" : "LOWER");
        return NumberAsync(address, request, "offset", cancellationToken);
    }

    /// <summary>GET_EARLIEST_MSG_STORETIME: when the first message a queue still holds was stored, milliseconds since 1970 UTC.</summary>
    public Task<long> GetEarliestMessageStoreTimeAsync(
        string address, MessageQueue queue, CancellationToken cancellationToken = default)
        => NumberAsync(address, QueueRequest(RequestCodes.GetEarliestMessageStoreTime, queue), "timestamp", cancellationToken);

    /// <summary>The number in a field of the answer.</summary>
    private Task<long> NumberAsync(string address, RemotingCommand request, string field, CancellationToken cancellationToken)
        => AskAsync(address, request, response => response.GetInt64(field), cancellationToken);
}
