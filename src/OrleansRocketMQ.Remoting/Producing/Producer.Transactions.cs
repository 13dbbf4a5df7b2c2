using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Producing;

public sealed partial class Producer
{
    /// <summary>
    /// Sends a half message: stored, but not to be seen by consumers until <see cref="EndTransactionAsync"/>. Not delayed,
    /// whatever its delay level; one with a time is refused. Mirrors the first half of <c>sendMessageInTransaction</c>.
    /// </summary>
    /// <inheritdoc cref="SendAsync(Message,CancellationToken)"/>
    public Task<SendResult> SendHalfAsync(Message message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        message.DelayLevel = 0;
        message[MessageProperties.TransactionPrepared] = "true";
        // Brokers look for the group by this name when they ask back.
        message[MessageProperties.ProducerGroup] = _client.Names.Wrap(Options.Group);
        return SendAsync(message, cancellationToken);
    }

    /// <summary>
    /// Commits or rolls back a half message. One-way, as in Java: when it gets lost the broker asks the group
    /// (CHECK_TRANSACTION_STATE), which <see cref="ProducerOptions.CheckTransaction"/> answers.
    /// </summary>
    /// <param name="half">What <see cref="SendHalfAsync"/> gave.</param>
    /// <param name="commit">Whether consumers get the message.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="RocketMQNetworkException">No connection to the broker.</exception>
    public async Task EndTransactionAsync(SendResult half, bool commit, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(half);
        var (broker, offset) = half.Queue.IsLogical
            ? await FindHalfAsync(half, cancellationToken)
            : (await MasterOfAsync(half.Queue, cancellationToken), half.QueueOffset);
        await _client.Brokers.EndTransactionAsync(
            broker.Address,
            new EndTransactionRequest
            {
                ProducerGroup = Options.Group,
                Topic = half.Queue.Topic,
                BrokerName = broker.BrokerName,
                QueueOffset = offset,
                CommitLogOffset = OffsetMessageId.Parse(half.OffsetMessageId).CommitLogOffset,
                MessageId = half.MessageId,
                TransactionId = half.TransactionId,
                State = commit ? TransactionState.Committed : TransactionState.RolledBack,
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// A logical queue may have another leader by now, and what the broker said of the offset is the logical one: the half message
    /// itself says where it is.
    /// </summary>
    private async Task<(BrokerAddress Broker, long QueueOffset)> FindHalfAsync(SendResult half, CancellationToken cancellationToken)
    {
        var (host, commitLogOffset) = OffsetMessageId.Parse(half.OffsetMessageId);
        var address = host.ToString();
        var stored = await _client.Brokers
            .ViewMessageAsync(address, commitLogOffset, half.Queue.Topic, cancellationToken: cancellationToken);
        var broker = _client.Routes.Brokers.FirstOrDefault(known => known.Address == address);
        return (new(broker.BrokerName ?? string.Empty, BrokerData.MasterId, address), stored.QueueOffset);
    }

    private void AnswerTransactionChecks()
    {
        if (Options.CheckTransaction is { } check)
        {
            _client.TransactionChecks.Add(Options.Group, check);
        }
    }

    private void StopAnsweringTransactionChecks()
    {
        if (Options.CheckTransaction is { } check)
        {
            _client.TransactionChecks.Remove(Options.Group, check);
        }
    }
}
