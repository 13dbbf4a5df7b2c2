using System.Text.Json;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>A queue a broker has assigned to a member. Mirrors <c>MessageQueueAssignment</c>.</summary>
/// <param name="Queue">The queue; with <see cref="PopRequest.AnyQueue"/> as its id every queue of the topic at that broker.</param>
/// <param name="Mode">How to get its messages.</param>
public readonly record struct QueueAssignment(MessageQueue Queue, MessageRequestMode Mode);

public sealed partial class BrokerClient
{
    /// <summary>QUERY_ASSIGNMENT: which queues of a topic a member is to consume, and how. Brokers from 5.0 on.</summary>
    /// <param name="address">Any broker with queues of the topic; the member must have sent it a heartbeat.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="clientId">The member.</param>
    /// <param name="strategy">How queues are shared out, <c>AVG</c> (default) or <c>AVG_BY_CIRCLE</c>.</param>
    /// <param name="messageModel"><c>CLUSTERING</c> (default) or <c>BROADCASTING</c>.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>Null: the broker cannot say now, the member keeps what it has. None at all: it gives up what it has.</returns>
    public Task<IReadOnlyList<QueueAssignment>?> QueryAssignmentAsync(
        string address,
        string topic,
        string consumerGroup,
        string clientId,
        string strategy = "AVG",
        string messageModel = ConsumerDataValues.Clustering,
        CancellationToken cancellationToken = default)
    {
        var body = new QueryAssignmentRequest
        {
            Topic = Remoting.Names.Wrap(topic),
            ConsumerGroup = Remoting.Names.Wrap(consumerGroup),
            ClientId = clientId,
            StrategyName = strategy,
            MessageModel = messageModel,
        };
        return AskAsync(
            address,
            RemotingCommand.Request(
                RequestCodes.QueryAssignment, JsonSerializer.SerializeToUtf8Bytes(body, ProtocolJson.Default.QueryAssignmentRequest)),
            AssignmentsOf,
            cancellationToken);
    }

    /// <summary>
    /// SET_MESSAGE_REQUEST_MODE: sets at one broker how a group gets the messages of a topic, for those of its members that ask
    /// (<see cref="QueryAssignmentAsync"/>). As <c>mqadmin setConsumeMode</c>. Brokers from 5.0 on.
    /// </summary>
    /// <param name="address">The broker.</param>
    /// <param name="topic">The topic; retry topics are always pulled.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="mode">How.</param>
    /// <param name="popShareQueueNum">
    /// How many members behind it share a member's queues; 0 (default), or as many as there are others: every member pops every queue.
    /// </param>
    /// <param name="cancellationToken">Gives up early.</param>
    public Task SetMessageRequestModeAsync(
        string address,
        string topic,
        string consumerGroup,
        MessageRequestMode mode,
        int popShareQueueNum = 0,
        CancellationToken cancellationToken = default)
    {
        var body = new SetMessageRequestModeRequest
        {
            Topic = Remoting.Names.Wrap(topic),
            ConsumerGroup = Remoting.Names.Wrap(consumerGroup),
            Mode = mode,
            PopShareQueueNum = popShareQueueNum,
        };
        return InvokeAsync(
            address,
            RemotingCommand.Request(
                RequestCodes.SetMessageRequestMode,
                JsonSerializer.SerializeToUtf8Bytes(body, ProtocolJson.Default.SetMessageRequestModeRequest)),
            cancellationToken: cancellationToken);
    }

    private IReadOnlyList<QueueAssignment>? AssignmentsOf(RemotingCommand answer)
    {
        if (answer.Body.IsEmpty)
        {
            return null;
        }

        var assigned = TolerantJson.Read(answer.Body.Span, ProtocolJson.Default.QueryAssignmentResponse).MessageQueueAssignments;
        return assigned is null
            ? null
            :
            [
                .. assigned.OfType<AssignedQueue>()
                    .Where(queue => queue.MessageQueue is not null)
                    .Select(queue => new QueueAssignment(Remoting.Names.Unwrap(queue.MessageQueue!.ToQueue()), queue.Mode)),
            ];
    }
}
