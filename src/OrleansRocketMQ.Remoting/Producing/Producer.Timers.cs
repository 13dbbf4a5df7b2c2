using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Producing;

/// <summary>Sends messages that are to come at a time, also to brokers that know delay levels only.</summary>
public sealed partial class Producer
{
    private async Task<(SendMessageResponse Response, int? DelayLevel)> SendTimedAsync(
        OutgoingMessage outgoing, int queueId, BrokerAddress broker, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (await _timers.AreAtAsync(broker.Address, cancellationToken))
        {
            try
            {
                return (
                    await _client.Brokers.SendAsync(
                        broker.Address, outgoing.To(queueId, broker.BrokerName), timeout, cancellationToken),
                    null);
            }
            catch (BrokerResponseException refusal) when (_timers.AreMissing(broker.Address, refusal))
            {
                // Then as to one that was known not to have them.
            }
        }

        var level = NearestDelayLevel.Of(outgoing.Message, _client.Remoting.TimeProvider.GetUtcNow());
        var delayed = outgoing.AtLevel(level).To(queueId, broker.BrokerName);
        return (await _client.Brokers.SendAsync(broker.Address, delayed, timeout, cancellationToken), level);
    }
}
