using System.Globalization;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Transactions;

/// <summary>Commits or rolls back a half message. Mirrors <c>EndTransactionProcessor</c>.</summary>
internal sealed class EndTransactionProcessor(HalfMessages halfMessages, MessageIntake intake)
{
    public void AddTo(RequestTable table) => table.Add(RequestCodes.EndTransaction, (_, request) => Handle(request));

    private RemotingCommand? Handle(RemotingCommand request)
    {
        var verdict = request.GetInt32("commitOrRollback");
        if (verdict is not (MessageSysFlag.TransactionCommit or MessageSysFlag.TransactionRollback))
        {
            // The producer does not know yet; it will be asked again.
            return null;
        }

        if (!intake.TryRead(request.GetInt64("commitLogOffset"), out var half, out var body))
        {
            return RemotingCommand.Response(request, ResponseCodes.SystemError, "Find prepared transaction message failed");
        }

        if (Complaint(half, request) is { } complaint)
        {
            return RemotingCommand.Response(request, ResponseCodes.SystemError, complaint);
        }

        if (verdict == MessageSysFlag.TransactionCommit)
        {
            var committed = Committed(half, body);
            if (!intake.TryPut(committed, out _))
            {
                var refusal = committed.Refusal ?? intake.TooLarge;
                return RemotingCommand.Response(request, refusal.Code, refusal.Remark);
            }
        }

        halfMessages.Remove(half);
        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private static string? Complaint(MessageExt half, RemotingCommand request)
    {
        if (half.GetProperty(MessageProperties.ProducerGroup) != request["producerGroup"])
        {
            return "The producer group wrong";
        }

        return half.QueueOffset != request.GetInt64("tranStateTableOffset") ? "The transaction state table offset wrong" : null;
    }

    // The real topic and queue stay in the properties, as they do in RocketMQ.
    private static OutgoingMessage Committed(MessageExt half, ReadOnlyMemory<byte> body) => new()
    {
        Topic = half.GetProperty(MessageProperties.RealTopic)!,
        QueueId = int.Parse(half.GetProperty(MessageProperties.RealQueueId)!, CultureInfo.InvariantCulture),
        Body = body,
        Properties = new(half.Properties, StringComparer.Ordinal),
        Flag = half.Flag,
        SysFlag = (half.SysFlag & ~MessageSysFlag.TransactionMask) | MessageSysFlag.TransactionCommit,
        BornTimestamp = half.BornTimestamp,
        BornHost = half.BornHost,
        ReconsumeTimes = half.ReconsumeTimes,
        PreparedTransactionOffset = half.CommitLogOffset,
    };
}
