using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Locks;

/// <summary>
/// The queue locks an orderly group holds on this silo, broker by broker, so that none waits for another that is away.
/// Mirrors <c>RebalanceImpl.lockAll / unlockAll</c>. Thread-safe.
/// </summary>
/// <param name="options">How often locks are renewed, and how long they count.</param>
/// <param name="lockers">The brokers, and who asks them.</param>
/// <param name="deadMembers">Client ids of silos of this cluster that are dead.</param>
/// <param name="runtime">What it runs on.</param>
/// <param name="logger">The log.</param>
internal sealed class QueueLocks(
    ConsumerOptions options, Lockers lockers, Func<IEnumerable<string>> deadMembers, EngineRuntime runtime, ILogger<QueueLocks> logger)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<MessageQueue, BrokerLocks> _brokers = [];

    /// <summary>Wants a queue's lock from now on; it is asked for at once.</summary>
    public QueueLock Add(MessageQueue queue) => Of(queue).Add(queue);

    /// <summary>Gives a queue's lock back.</summary>
    public Task ReleaseAsync(QueueLock queueLock) => runtime.Scheduler.Run(() => Of(queueLock.Queue).ReleaseAsync(queueLock));

    /// <summary>Ends the renewals. Every lock must have been released before.</summary>
    public Task StopAsync() => runtime.Scheduler.Run(() =>
    {
        lock (_gate)
        {
            return Task.WhenAll(_brokers.Values.Select(broker => broker.StopAsync()));
        }
    });

    /// <summary>Brokers may be elsewhere by now.</summary>
    public void OnRoutes()
    {
        BrokerLocks[] brokers;
        lock (_gate)
        {
            brokers = [.. _brokers.Values];
        }

        foreach (var broker in brokers)
        {
            broker.OnRoutes();
        }
    }

    private BrokerLocks Of(MessageQueue queue)
    {
        // A logical queue goes from broker to broker by itself.
        var place = queue.IsLogical ? queue : new MessageQueue(string.Empty, queue.BrokerName, 0);
        lock (_gate)
        {
            if (!_brokers.TryGetValue(place, out var broker))
            {
                _brokers[place] = broker = new BrokerLocks(place, options, lockers, deadMembers, runtime, logger);
                broker.Start();
            }

            return broker;
        }
    }
}

/// <summary>The brokers that keep locks, and who asks them.</summary>
/// <param name="ClientId">This member's id.</param>
/// <param name="Brokers">The brokers.</param>
/// <param name="Routes">Where they are.</param>
internal sealed record Lockers(string ClientId, ILockBroker Brokers, IRoutes Routes);
