using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>Passes on what an administrator asks of one consumer, and its answer. Mirrors <c>AdminBrokerProcessor.callConsumer</c>.</summary>
internal sealed class RelayProcessor(ConsumerTable consumers, MessageStore store, string brokerName)
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(10);

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.GetConsumerRunningInfo, (_, request) => RelayAsync(request, request.Body));
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
