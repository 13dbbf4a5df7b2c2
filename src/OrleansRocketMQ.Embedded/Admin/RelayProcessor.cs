using System.Text;
using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>
/// Passes on what an administrator asks of one consumer, and its answer. Mirrors <c>AdminBrokerProcessor.callConsumer</c>.
/// </summary>
internal sealed class RelayProcessor(ConsumerTable consumers, IMessageReader store, string brokerName)
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(10);

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.GetConsumerRunningInfo, (_, request) => RelayAsync(request, request.Body));
        table.Add(RequestCodes.InvokeBrokerToGetConsumerStatus, (_, request) => CollectStatusAsync(request));
        table.Add(RequestCodes.ConsumeMessageDirectly, (_, request) => RelayWithMessageAsync(request));
    }

    private ValueTask<RemotingCommand?> RelayWithMessageAsync(RemotingCommand request)
    {
        var offset = OffsetMessageId.Parse(request.GetRequired("msgId")).CommitLogOffset;
        return store.TryReadRecord(offset, out var record)
            ? RelayAsync(request, record)
            : ValueTask.FromResult<RemotingCommand?>(
                RemotingCommand.Response(request, ResponseCodes.SystemError, $"no message at the offset {offset}"));
    }

    /// <summary>Asks the members for their offsets. A member that does not answer is left out, as in RocketMQ.</summary>
    private async ValueTask<RemotingCommand?> CollectStatusAsync(RemotingCommand request)
    {
        const string AnswerBegin = "{\"messageQueueTable\":";
        var group = request.GetRequired("group");
        if (consumers.View(group) is not { Members.Count: > 0 } view)
        {
            return RemotingCommand.Response(request, ResponseCodes.SystemError, $"No Any Consumer online in the consumer group: [{group}]");
        }

        var wanted = request["clientAddr"];
        var tables = new List<string>();
        foreach (var member in view.Members.Where(member => string.IsNullOrWhiteSpace(wanted) || wanted == member.ClientId))
        {
            try
            {
                var answer = await member.Peer.Connection.InvokeAsync(
                    RemotingCommand.Request(RequestCodes.GetConsumerStatusFromClient)
                        .Set("topic", request.GetRequired("topic"))
                        .Set("group", group),
                    AnswerTimeout).ConfigureAwait(false);
                var body = Encoding.UTF8.GetString(answer.Body.Span);
                if (answer.Code == ResponseCodes.Success && body.StartsWith(AnswerBegin, StringComparison.Ordinal))
                {
                    tables.Add($"\"{member.ClientId}\":{body[AnswerBegin.Length..^1]}");
                }
            }
            catch (RocketMQException)
            {
                // It is leaving, or hangs; the others are told of.
            }
        }

        return RemotingCommand.Response(
            request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes($"{{\"consumerTable\":{{{string.Join(',', tables)}}}}}"));
    }

    private async ValueTask<RemotingCommand?> RelayAsync(RemotingCommand request, ReadOnlyMemory<byte> body)
    {
        var group = request.GetRequired("consumerGroup");
        var clientId = request.GetRequired("clientId");
        var member = consumers.View(group)?.Members.FirstOrDefault(candidate => candidate.ClientId == clientId);
        if (member is null)
        {
            return RemotingCommand.Response(request, ResponseCodes.SystemError, $"The Consumer <{group}> <{clientId}> not online");
        }

        var relayed = RemotingCommand.Request(request.Code, body);
        foreach (var (name, value) in request.ExtFields)
        {
            relayed.Set(name, value);
        }

        if (request.Code == RequestCodes.ConsumeMessageDirectly)
        {
            relayed.Set("brokerName", brokerName);
        }

        try
        {
            var answer = await member.Peer.Connection.InvokeAsync(relayed, AnswerTimeout).ConfigureAwait(false);
            return RemotingCommand.Response(request, answer.Code, answer.Remark, answer.Body);
        }
        catch (RocketMQTimeoutException exception)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.ConsumeMessageTimeout, $"consumer <{group}> <{clientId}> Timeout: {exception.Message}");
        }
        catch (RocketMQNetworkException exception)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.SystemError, $"invoke consumer <{group}> <{clientId}> Exception: {exception.Message}");
        }
    }
}
