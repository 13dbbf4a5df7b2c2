using System.Collections.Concurrent;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>One message as a listener got it.</summary>
internal readonly record struct LoggedDelivery(MessageQueue Queue, long Offset, string? Key, string Silo, long Time);

/// <summary>Every delivery of a group, in the order in which listeners got them.</summary>
internal sealed class DeliveryLog
{
    private static readonly ConcurrentDictionary<string, DeliveryLog> Logs = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<LoggedDelivery> _deliveries = new();
    private long _count;

    public long Count => Interlocked.Read(ref _count);

    public static DeliveryLog Of(string group) => Logs.GetOrAdd(group, _ => new());

    public void Add(MessageBatch messages, MessageQueue queue, string silo)
    {
        var now = TimeProvider.System.GetTimestamp();
        foreach (var message in messages)
        {
            // A message that came through the retry topic is known by where it was first.
            _deliveries.Enqueue(new(queue, message.QueueOffset, message.ShardingKey, silo, now));
        }

        Interlocked.Add(ref _count, messages.Count);
    }

    /// <summary>Compares what listeners got with what brokers have stored.</summary>
    public Outcome Compare(IEnumerable<EmbeddedBroker> brokers) => Outcome.Of([.. _deliveries.Where(delivery => delivery.Queue.Topic == SteadyLoad.Topic)], brokers);
}
