using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Answers CHECK_TRANSACTION_STATE: finds who can tell how a transaction ended by the group of its half message, and sends
/// END_TRANSACTION to the broker that asked. Thread-safe. Mirrors <c>ClientRemotingProcessor.checkTransactionState</c>.
/// </summary>
internal sealed partial class TransactionChecks(BrokerClient brokers, MessageDecoderOptions? decoderOptions, ILogger logger)
{
    // The broker asks again after half a minute; who has not answered by then is asked anew.
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Func<MessageExt, CancellationToken, ValueTask<TransactionState>>> _byGroup = new(StringComparer.Ordinal);

    /// <summary>Sets who answers for a group.</summary>
    public void Add(string group, Func<MessageExt, CancellationToken, ValueTask<TransactionState>> check)
    {
        _byGroup[group] = check;
        brokers.Remoting.Handle(RequestCodes.CheckTransactionState, OnCheckAsync);
    }

    /// <summary>Nobody answers for the group any more, unless somebody else has taken over.</summary>
    public void Remove(string group, Func<MessageExt, CancellationToken, ValueTask<TransactionState>> check)
        => _byGroup.TryRemove(new(group, check));

    private async ValueTask<RemotingCommand?> OnCheckAsync(RemotingConnection connection, RemotingCommand request)
    {
        // Not on the thread that reads the connection: the answer is the user's code, and other frames must not wait for it.
        await Task.Yield();
        var messages = MessageDecoder.DecodeAll(request.Body, request["bname"] ?? string.Empty, decoderOptions);
        if (messages.Count == 0)
        {
            throw new MessageFormatException("number of messages", "0", "the half message asked about");
        }

        var half = messages[0];
        var group = half.GetProperty(MessageProperties.ProducerGroup) ?? string.Empty;
        if (!_byGroup.TryGetValue(group, out var check))
        {
            Log.NobodyKnows(logger, half.MessageId, group);
            return null;
        }

        var state = TransactionState.None;
        try
        {
            using var limit = new CancellationTokenSource(AnswerWithin, brokers.Remoting.TimeProvider);
            state = await check(half, limit.Token).AsTask().WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Log.CheckFailed(logger, half.MessageId, group, exception);
        }

        await brokers.EndTransactionAsync(
            connection.RemoteAddress,
            new EndTransactionRequest
            {
                ProducerGroup = group,
                Topic = request["topic"] ?? half.Topic,
                BrokerName = request["bname"] ?? string.Empty,
                QueueOffset = request.GetInt64("tranStateTableOffset"),
                CommitLogOffset = request.GetInt64("commitLogOffset"),
                MessageId = half.MessageId,
                TransactionId = request["transactionId"],
                State = state,
                FromCheck = true,
            }).ConfigureAwait(false);
        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(34, LogLevel.Warning, "A broker asks about transaction {MessageId} of producer group {Group}, but no producer here can tell")]
        public static partial void NobodyKnows(ILogger logger, string messageId, string group);

        [LoggerMessage(35, LogLevel.Error, "The producer of group {Group} could not tell how transaction {MessageId} ended; the broker will ask again")]
        public static partial void CheckFailed(ILogger logger, string messageId, string group, Exception exception);
    }
}
