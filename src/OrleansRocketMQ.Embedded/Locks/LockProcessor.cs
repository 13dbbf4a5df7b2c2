using System.Text.Json;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Locks;

/// <summary>Locks queues for orderly consumers. Mirrors <c>AdminBrokerProcessor.lockBatchMQ / unlockBatchMQ</c>.</summary>
internal sealed class LockProcessor(QueueLockTable locks)
{
    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.LockBatchMessageQueue, (_, request) => Lock(request));
        table.Add(RequestCodes.UnlockBatchMessageQueue, (_, request) => Unlock(request));
    }

    private RemotingCommand Lock(RemotingCommand request)
    {
        var wanted = Read(request);
        var held = new LockBatchResponse { LockOKMQSet = locks.TryLock(wanted.ConsumerGroup, wanted.MqSet ?? [], wanted.ClientId) };
        return RemotingCommand.Response(
            request, ResponseCodes.Success, body: JsonSerializer.SerializeToUtf8Bytes(held, ProtocolJson.Default.LockBatchResponse));
    }

    private RemotingCommand Unlock(RemotingCommand request)
    {
        var wanted = Read(request);
        locks.Unlock(wanted.ConsumerGroup, wanted.MqSet ?? [], wanted.ClientId);
        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private static LockBatchRequest Read(RemotingCommand request)
        => TolerantJson.Read(request.Body.Span, ProtocolJson.Default.LockBatchRequest);
}
