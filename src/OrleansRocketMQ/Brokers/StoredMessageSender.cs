using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Sends copies of stored messages to one queue after the other, on another broker if there is one. Checks neither size
/// nor properties: what one broker has stored, the limits of the next one decide about. Thread-safe.
/// </summary>
internal sealed class StoredMessageSender(RocketMQClient client)
{
    private const int Attempts = 3;

    private readonly PublishQueues _queues = new(client, SystemTopics.AutoCreateKey, defaultQueueCount: 4);
    private int _sent;

    /// <summary>Sends a copy; broker and queue of the request are filled in here. A broker that it names is asked first.</summary>
    /// <returns>The address of the broker that has taken it.</returns>
    /// <exception cref="RocketMQException">No broker has taken it; that of the last attempt.</exception>
    public async Task<string?> SendAsync(SendMessageRequest copy, CancellationToken cancellationToken)
    {
        var queues = await _queues.GetAsync(copy.Topic, cancellationToken).ConfigureAwait(false);
        var tried = new HashSet<string>(StringComparer.Ordinal);
        for (var attempt = 1; ; attempt++)
        {
            var queue = attempt == 1 && copy.BrokerName.Length > 0 ? QueueAt(copy, queues) : Next(queues, tried);
            tried.Add(queue.BrokerName);
            try
            {
                return await client.Routes.AtLeaderAsync(
                    queue,
                    _ => ValueTask.FromResult(MasterOf(queue)),
                    master => SendAsync(copy, queue, master, cancellationToken),
                    cancellationToken).ConfigureAwait(false);
            }
            catch (Exception) when (attempt < Attempts && !cancellationToken.IsCancellationRequested)
            {
                // The next one may take it.
            }
            catch
            {
                _queues.Forget(copy.Topic);
                throw;
            }
        }
    }

    /// <summary>Sends a copy that is to come at a time, if the next broker holds messages back to one.</summary>
    /// <returns>The broker's address; null when it does not, and has not got it.</returns>
    /// <exception cref="RocketMQException">It does and has not taken it.</exception>
    public async Task<string?> SendTimedAsync(SendMessageRequest copy, BrokerTimers timers, CancellationToken cancellationToken)
    {
        var queue = Next(await _queues.GetAsync(copy.Topic, cancellationToken), tried: []);
        var master = MasterOf(queue);
        if (!await timers.AreAtAsync(master.Address, cancellationToken))
        {
            return null;
        }

        try
        {
            return await SendAsync(copy, queue, master, cancellationToken);
        }
        catch (BrokerResponseException refusal) when (timers.AreMissing(master.Address, refusal))
        {
            return null;
        }
    }

    private async Task<string> SendAsync(
        SendMessageRequest copy, MessageQueue queue, BrokerAddress master, CancellationToken cancellationToken)
    {
        var message = copy with { BrokerName = master.BrokerName, QueueId = queue.QueueId };
        await client.Brokers.SendAsync(master.Address, message, cancellationToken: cancellationToken);
        return master.Address;
    }

    private BrokerAddress MasterOf(MessageQueue queue)
        => client.Routes.FindAddressOf(queue, BrokerData.MasterId, onlyThisBroker: true)
            ?? throw new BrokerNotAvailableException($"No master of broker '{queue.BrokerName}' is known.");

    // Brokers make a retry topic when they are told of the group, and name servers hear of it later; its first queue is there.
    private static MessageQueue QueueAt(SendMessageRequest copy, IEnumerable<MessageQueue> queues)
        => queues.FirstOrDefault(queue => queue.BrokerName == copy.BrokerName) ?? new MessageQueue(copy.Topic, copy.BrokerName, 0);

    private MessageQueue Next(IReadOnlyList<MessageQueue> queues, HashSet<string> tried)
    {
        var untried = queues.Where(queue => !tried.Contains(queue.BrokerName)).ToArray();
        var choice = untried.Length > 0 ? untried : [.. queues];
        return choice[(Interlocked.Increment(ref _sent) & int.MaxValue) % choice.Length];
    }
}
