using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Sends;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Transactions;

/// <summary>
/// Asks producers about transactions that stay open: any member of the group that made one. Those asked about too
/// often are given up. Mirrors <c>TransactionalMessageServiceImpl.check</c> and <c>AbstractTransactionalMessageCheckListener</c>.
/// </summary>
internal sealed partial class TransactionChecker(
    HalfMessages halfMessages,
    MessageIntake intake,
    ProducerTable producers,
    EmbeddedRocketMQOptions options,
    ILogger logger)
{
    public void Check()
    {
        var now = options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        var old = halfMessages.Open
            .Where(transaction => now - transaction.StoredAt >= options.TransactionTimeout.TotalMilliseconds);
        foreach (var transaction in old)
        {
            try
            {
                Check(transaction);
            }
            catch (Exception exception)
            {
                // The others must be asked about all the same.
                Log.NotChecked(logger, transaction.QueueOffset, exception);
            }
        }
    }

    private void Check(OpenTransaction transaction)
    {
        if (!intake.TryRead(transaction.LogOffset, out var half, out _))
        {
            Log.Gone(logger, transaction.QueueOffset);
            halfMessages.Forget(transaction);
            return;
        }

        if (transaction.Checks >= options.TransactionCheckMax)
        {
            Log.GivenUp(logger, half.MessageId, transaction.Checks);
            halfMessages.Remove(half);
            return;
        }

        transaction.Checks++;
        _ = AskAsync(half);
    }

    private async Task AskAsync(MessageExt half)
    {
        var group = half.GetProperty(MessageProperties.ProducerGroup) ?? string.Empty;
        if (producers.AnyOf(group) is not { } peer)
        {
            Log.NobodyToAsk(logger, half.MessageId, group);
            return;
        }

        try
        {
            await peer.Connection.SendAsync(Question(half)).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Log.NotAsked(logger, half.MessageId, peer.Address, exception.Message);
        }
    }

    // The producer shall see the message as it sent it: under its own topic and queue.
    private static RemotingCommand Question(MessageExt half)
    {
        var realQueue = int.Parse(half.GetProperty(MessageProperties.RealQueueId)!, System.Globalization.CultureInfo.InvariantCulture);
        var body = new StoredMessage
        {
            Topic = half.GetProperty(MessageProperties.RealTopic)!,
            QueueId = realQueue,
            Body = half.Body,
            Properties = StoredProperties.Encode(half.Properties),
            QueueOffset = half.QueueOffset,
            CommitLogOffset = half.CommitLogOffset,
            Flag = half.Flag,
            SysFlag = half.SysFlag & ~MessageSysFlag.Compressed,
            BornTimestamp = half.BornTimestamp,
            BornHost = half.BornHost,
            StoreTimestamp = half.StoreTimestamp,
            StoreHost = half.StoreHost,
            ReconsumeTimes = half.ReconsumeTimes,
        }.Encode();
        var id = half.GetProperty(MessageProperties.UniqueKey);
        return RemotingCommand.Request(RequestCodes.CheckTransactionState, body, oneWay: true)
            .Set("topic", half.GetProperty(MessageProperties.RealTopic))
            .Set("commitLogOffset", half.CommitLogOffset)
            .Set("offsetMsgId", half.OffsetMessageId)
            .Set("msgId", id)
            .Set("transactionId", id)
            .Set("tranStateTableOffset", half.QueueOffset);
    }

    private static partial class Log
    {
        [LoggerMessage(130, LogLevel.Warning, "The transaction of message {MessageId} is given up after {Checks} questions")]
        public static partial void GivenUp(ILogger logger, string messageId, int checks);

        [LoggerMessage(133, LogLevel.Error, "Half message {Offset} could not be looked at; it will be tried again")]
        public static partial void NotChecked(ILogger logger, long offset, Exception exception);

        [LoggerMessage(134, LogLevel.Error, "Half message {Offset} was dropped with the oldest messages before its transaction had ended")]
        public static partial void Gone(ILogger logger, long offset);

        [LoggerMessage(131, LogLevel.Warning, "Nobody of producer group {Group} is there to be asked about message {MessageId}")]
        public static partial void NobodyToAsk(ILogger logger, string messageId, string group);

        [LoggerMessage(132, LogLevel.Debug, "The question about message {MessageId} did not reach {Address}: {Reason}")]
        public static partial void NotAsked(ILogger logger, string messageId, string address, string reason);
    }
}
