using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Producing;

/// <summary>Sends messages that are to come at a time, also to brokers that know delay levels only.</summary>
public sealed partial class Producer
{
    private async Task<(SendMessageResponse Response, int? DelayLevel)> SendTimedAsync(
        OutgoingMessage outgoing, MessageQueue queue, string address, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (await _timers.AreAtAsync(address, cancellationToken))
        {
            try
            {
                return (
                    await _client.Brokers.SendAsync(address, outgoing.To(queue), timeout, cancellationToken),
                    null);
            }
            catch (BrokerResponseException refusal) when (_timers.AreMissing(address, refusal))
            {
                // Then as to one that was known not to have them.
            }
        }

        var level = NearestDelayLevel.Of(outgoing.Message, _client.Remoting.TimeProvider.GetUtcNow());
        var delayed = outgoing.AtLevel(level).To(queue);
        return (await _client.Brokers.SendAsync(address, delayed, timeout, cancellationToken), level);
    }
}
