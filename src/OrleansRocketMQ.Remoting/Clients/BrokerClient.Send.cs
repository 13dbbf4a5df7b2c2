using System.Globalization;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

public sealed partial class BrokerClient
{
    /// <summary>SEND_MESSAGE_V2, or SEND_BATCH_MESSAGE for a batch: stores a message.</summary>
    /// <param name="address">The master of the broker set.</param>
    /// <param name="message">What to store.</param>
    /// <param name="timeout">How long to wait; null means 3 s (<c>sendMsgTimeout</c>).</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="BrokerResponseException">
    /// It was not stored. The codes FLUSH_DISK_TIMEOUT, FLUSH_SLAVE_TIMEOUT and SLAVE_NOT_AVAILABLE mean that it was, and
    /// are results.
    /// </exception>
    public async Task<SendMessageResponse> SendAsync(
        string address,
        SendMessageRequest message,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        var request = CommandOf(message, oneWay: false);
        var response = await AskAsync(address, request, timeout, cancellationToken).ConfigureAwait(false);
        return response.Code is ResponseCodes.Success or ResponseCodes.FlushDiskTimeout
            or ResponseCodes.FlushSlaveTimeout or ResponseCodes.SlaveNotAvailable
            ? new SendMessageResponse(
                response.Code,
                response["msgId"] ?? string.Empty,
                response.GetInt32("queueId"),
                response.GetInt64("queueOffset"),
                response["transactionId"],
                response[MessageProperties.MessageRegion])
            {
                RecallHandle = response["recallHandle"],
            }
            : throw Refused(address, request, response);
    }

    /// <summary>Stores a message, or a batch, without asking whether that worked.</summary>
    public ValueTask SendOneWayAsync(string address, SendMessageRequest message, CancellationToken cancellationToken = default)
        => TellAsync(address, CommandOf(message, oneWay: true), cancellationToken);

    /// <summary>RECALL_MESSAGE: takes back a message that waits for its time. Brokers know it from 5.3.2 on.</summary>
    /// <param name="address">The master of the broker set where it waits.</param>
    /// <param name="producerGroup">Who asks.</param>
    /// <param name="topic">The message's topic.</param>
    /// <param name="recallHandle">What the broker told when it took the message.</param>
    /// <param name="brokerName">The broker set.</param>
    /// <param name="timeout">How long to wait; null means 3 s.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>The id of the message.</returns>
    /// <exception cref="BrokerResponseException">The broker does not do it.</exception>
    public async Task<string> RecallAsync(
        string address,
        string producerGroup,
        string topic,
        string recallHandle,
        string brokerName,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        var request = RemotingCommand.Request(RequestCodes.RecallMessage)
            .Set("producerGroup", producerGroup)
            .Set("topic", topic)
            .Set("recallHandle", recallHandle)
            .Set("bname", brokerName);
        var response = await AskAsync(address, request, timeout, cancellationToken);
        return response.Code == ResponseCodes.Success ? response["msgId"] ?? string.Empty : throw Refused(address, request, response);
    }

    /// <summary>END_TRANSACTION, one-way: commits or rolls back a half message.</summary>
    /// <param name="address">The broker that has the half message.</param>
    /// <param name="transaction">Which one, and how it ends.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    public ValueTask EndTransactionAsync(string address, EndTransactionRequest transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return TellAsync(
            address,
            RemotingCommand.Request(RequestCodes.EndTransaction, oneWay: true)
                .Set("topic", transaction.Topic)
                .Set("producerGroup", transaction.ProducerGroup)
                .Set("tranStateTableOffset", transaction.QueueOffset)
                .Set("commitLogOffset", transaction.CommitLogOffset)
                .Set("commitOrRollback", transaction.State switch
                {
                    TransactionState.Committed => MessageSysFlag.TransactionCommit,
                    TransactionState.RolledBack => MessageSysFlag.TransactionRollback,
                    _ => 0,
                })
                .Set("fromTransactionCheck", transaction.FromCheck)
                .Set("msgId", transaction.MessageId)
                .Set("transactionId", transaction.TransactionId)
                .Set("bname", transaction.BrokerName),
            cancellationToken);
    }

    private static RemotingCommand CommandOf(SendMessageRequest message, bool oneWay)
    {
        ArgumentNullException.ThrowIfNull(message);
        var code = message.Batch ? RequestCodes.SendBatchMessage : RequestCodes.SendMessageV2;
        return RemotingCommand.Request(code, message.Body, oneWay, fieldCount: 16)
            .Set("a", message.ProducerGroup)
            .Set("b", message.Topic)
            .Set("c", message.DefaultTopic)
            .Set("d", message.DefaultTopicQueueNums)
            .Set("e", message.QueueId)
            .Set("f", message.SysFlag)
            .Set("g", message.BornTimestamp)
            .Set("h", message.Flag)
            .Set("i", message.Properties)
            .Set("j", message.ReconsumeTimes)
            .Set("k", message.UnitMode)
            .Set("l", message.MaxReconsumeTimes?.ToString(CultureInfo.InvariantCulture))
            .Set("m", message.Batch)
            .Set("n", message.BrokerName);
    }
}
