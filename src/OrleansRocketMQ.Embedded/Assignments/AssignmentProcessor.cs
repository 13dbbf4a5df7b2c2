using System.Text.Json;
using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Assignments;

/// <summary>
/// Shares queues out among members that ask, and says whether they pull or pop them. Mirrors <c>QueryAssignmentProcessor</c>.
/// </summary>
/// <param name="modes">What was set.</param>
/// <param name="consumers">Who is online.</param>
/// <param name="topics">The broker's topics.</param>
/// <param name="groups">Its groups.</param>
/// <param name="queuesOf">A topic's queues at all brokers; null: there is no such topic.</param>
internal sealed class AssignmentProcessor(
    RequestModeTable modes,
    ConsumerTable consumers,
    TopicTable topics,
    GroupTable groups,
    Func<string, IReadOnlyList<QueueKey>?> queuesOf)
{
    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.QueryAssignment, (_, request) => Query(request));
        table.Add(RequestCodes.SetMessageRequestMode, (_, request) => SetMode(request));
        table.Add(RequestCodes.GetAllMessageRequestMode, (_, request) => GetModes(request));
    }

    private RemotingCommand Query(RemotingCommand request)
    {
        var question = TolerantJson.Read(request.Body.Span, ProtocolJson.Default.QueryAssignmentRequest);
        var mode = modes.Of(question.Topic, question.ConsumerGroup);
        var answer = new QueryAssignmentResponse
        {
            MessageQueueAssignments = Assigned(question, mode)?
                .Select(queue => new AssignedQueue { MessageQueue = queue, Mode = mode.Mode })
                .ToArray(),
        };
        return RemotingCommand.Response(
            request,
            ResponseCodes.Success,
            body: JsonSerializer.SerializeToUtf8Bytes(answer, ProtocolJson.Default.QueryAssignmentResponse));
    }

    private IReadOnlyList<QueueKey>? Assigned(QueryAssignmentRequest question, SetMessageRequestModeRequest mode)
    {
        if (queuesOf(question.Topic) is not { } queues || question.MessageModel == ConsumerDataValues.Broadcasting)
        {
            return queuesOf(question.Topic);
        }

        return consumers.View(question.ConsumerGroup) is not { } group
            ? null
            : QueueAllocation.Of(
                mode,
                question.StrategyName,
                [.. queues.OrderBy(queue => queue.BrokerName, StringComparer.Ordinal).ThenBy(queue => queue.QueueId)],
                [.. group.Members.Select(member => member.ClientId).Order(StringComparer.Ordinal)],
                question.ClientId);
    }

    private RemotingCommand SetMode(RemotingCommand request)
    {
        var mode = TolerantJson.Read(request.Body.Span, ProtocolJson.Default.SetMessageRequestModeRequest);
        if (SystemTopics.IsRetry(mode.Topic))
        {
            return RemotingCommand.Response(request, ResponseCodes.NoPermission, "retry topic is not allowed to set mode");
        }

        if (topics.Find(mode.Topic) is null)
        {
            return RemotingCommand.Response(request, ResponseCodes.TopicNotExist, $"topic[{mode.Topic}] not exist");
        }

        if (groups.Find(mode.ConsumerGroup) is null)
        {
            return RemotingCommand.Response(request, ResponseCodes.SubscriptionGroupNotExist, "subscription group does not exist");
        }

        modes.Set(mode);
        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private RemotingCommand GetModes(RemotingCommand request) => RemotingCommand.Response(
        request,
        ResponseCodes.Success,
        body: JsonSerializer.SerializeToUtf8Bytes(modes.All(), ProtocolJson.Default.MessageRequestModes));
}
