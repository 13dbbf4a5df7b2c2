using OrleansRocketMQ.Clients;

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
        var address = await MasterOfAsync(half.Queue, cancellationToken).ConfigureAwait(false);
        await _client.Brokers.EndTransactionAsync(
            address,
            new EndTransactionRequest
            {
                ProducerGroup = Options.Group,
                Topic = half.Queue.Topic,
                BrokerName = half.Queue.BrokerName,
                QueueOffset = half.QueueOffset,
                CommitLogOffset = OffsetMessageId.Parse(half.OffsetMessageId).CommitLogOffset,
                MessageId = half.MessageId,
                TransactionId = half.TransactionId,
                State = commit ? TransactionState.Committed : TransactionState.RolledBack,
            },
            cancellationToken).ConfigureAwait(false);
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
