using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>Sends dead letters to the topics they came from. No size is checked: the broker's own limit counts.</summary>
internal sealed class LetterSender(RocketMQClient client)
{
    private const int Attempts = 3;

    private readonly PublishQueues _queues = new(client, SystemTopics.AutoCreateKey, defaultQueueCount: 4);
    private int _next = Random.Shared.Next();

    /// <exception cref="MessageFormatException">The body cannot be read.</exception>
    /// <exception cref="RocketMQException">No broker took it.</exception>
    public async Task SendAsync(MessageExt letter, CancellationToken cancellationToken)
    {
        var message = Revival.Of(letter);
        var queues = await _queues.GetAsync(message.Topic, cancellationToken).ConfigureAwait(false);
        var brokers = queues.GroupBy(queue => queue.BrokerName, StringComparer.Ordinal).ToArray();
        for (var attempt = 1; ; attempt++)
        {
            // Another broker each time, if there is one.
            var turn = Interlocked.Increment(ref _next) & int.MaxValue;
            var ofBroker = brokers[turn % brokers.Length].ToArray();
            var queue = ofBroker[turn / brokers.Length % ofBroker.Length];
            try
            {
                var master = client.Routes.FindAddress(queue.BrokerName, BrokerData.MasterId, onlyThisBroker: true)
                    ?? throw new BrokerNotAvailableException($"No master of broker '{queue.BrokerName}' is known.");
                await client.Brokers.SendAsync(
                    master.Address, message with { BrokerName = queue.BrokerName, QueueId = queue.QueueId }, cancellationToken: cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (RocketMQException) when (attempt < Attempts && !cancellationToken.IsCancellationRequested)
            {
                // The next one may take it.
            }
            catch
            {
                _queues.Forget(message.Topic);
                throw;
            }
        }
    }
}
