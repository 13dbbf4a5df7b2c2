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

    // Several producers of one group may live here; each may know only of its own transactions.
    private readonly Dictionary<string, List<Func<MessageExt, CancellationToken, ValueTask<TransactionState>>>> _byGroup
        = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Adds one who answers for a group.</summary>
    public void Add(string group, Func<MessageExt, CancellationToken, ValueTask<TransactionState>> check)
    {
        lock (_gate)
        {
            if (!_byGroup.TryGetValue(group, out var checks))
            {
                _byGroup[group] = checks = [];
            }

            checks.Add(check);
        }

        brokers.Remoting.Handle(RequestCodes.CheckTransactionState, OnCheckAsync);
    }

    /// <summary>Takes one away again; others of the group go on answering.</summary>
    public void Remove(string group, Func<MessageExt, CancellationToken, ValueTask<TransactionState>> check)
    {
        lock (_gate)
        {
            if (_byGroup.TryGetValue(group, out var checks) && checks.Remove(check) && checks.Count == 0)
            {
                _byGroup.Remove(group);
            }
        }
    }

    private Func<MessageExt, CancellationToken, ValueTask<TransactionState>>[] ChecksOf(string group)
    {
        lock (_gate)
        {
            return _byGroup.TryGetValue(group, out var checks) ? [.. checks] : [];
        }
    }

    private async Task<TransactionState> AskAsync(
        string group,
        Func<MessageExt, CancellationToken, ValueTask<TransactionState>> check,
        MessageExt half)
    {
        try
        {
            using var limit = new CancellationTokenSource(AnswerWithin, brokers.Remoting.TimeProvider);
            return await check(half, limit.Token).AsTask().WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Log.CheckFailed(logger, half.MessageId, group, exception);
            return TransactionState.None;
        }
    }

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
        // The property holds the group's name on the wire.
        var group = brokers.Remoting.Names.Unwrap(half.GetProperty(MessageProperties.ProducerGroup) ?? string.Empty);
        var checks = ChecksOf(group);
        if (checks.Length == 0)
        {
            Log.NobodyKnows(logger, half.MessageId, group);
            return null;
        }

        var state = TransactionState.None;
        foreach (var check in checks)
        {
            state = await AskAsync(group, check, half).ConfigureAwait(false);
            if (state != TransactionState.None)
            {
                break;
            }
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
        [LoggerMessage(
            34,
            LogLevel.Warning,
            "A broker asks about transaction {MessageId} of producer group {Group}, but no producer here can tell")]
        public static partial void NobodyKnows(ILogger logger, string messageId, string group);

        [LoggerMessage(
            35,
            LogLevel.Error,
            "The producer of group {Group} could not tell how transaction {MessageId} ended; the broker will ask again")]
        public static partial void CheckFailed(ILogger logger, string messageId, string group, Exception exception);
    }
}
