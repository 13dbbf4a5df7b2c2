namespace OrleansRocketMQ.Producing;

/// <summary>Takes messages back.</summary>
public sealed partial class Producer
{
    /// <summary>
    /// Takes back a message that waits for its time. Brokers have it from 5.3.2 on where it is switched on
    /// (<c>recallMessageEnable</c>). They note it and say yes; one that comes in the same moment may come all the same. Mirrors
    /// <c>recallMessage</c>.
    /// </summary>
    /// <param name="topic">The message's topic.</param>
    /// <param name="recallHandle">The <see cref="SendResult.RecallHandle"/> of its send.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>The id of the message that is taken back.</returns>
    /// <exception cref="RocketMQValidationException">The handle is none.</exception>
    /// <exception cref="BrokerNotAvailableException">The broker the message waits at is not known.</exception>
    /// <exception cref="BrokerResponseException">
    /// The broker does not do it: it is not allowed there (NO_PERMISSION), its time is past or the handle is of another topic
    /// (ILLEGAL_OPERATION), or it knows no such request.
    /// </exception>
    public async Task<string> RecallAsync(string topic, string recallHandle, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        ArgumentException.ThrowIfNullOrWhiteSpace(recallHandle);
        var broker = RecallHandle.Parse(recallHandle).BrokerName;
        var master = await MasterOfAsync(new(topic, broker, 0), cancellationToken);
        return await _client.Brokers.RecallAsync(
            master.Address, Options.Group, topic, recallHandle, broker, Options.SendTimeout, cancellationToken);
    }
}
