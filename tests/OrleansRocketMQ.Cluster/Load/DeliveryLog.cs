using System.Collections.Concurrent;
using System.Globalization;
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

    public void Add(MessageQueue queue, long offset, string silo)
    {
        _deliveries.Enqueue(new(queue, offset, null, silo, TimeProvider.System.GetTimestamp()));
        Interlocked.Increment(ref _count);
    }

    /// <summary>How many messages of a broker have come.</summary>
    public long CountOf(EmbeddedBroker broker) => _deliveries
        .Where(delivery => delivery.Queue.Topic == SteadyLoad.Topic && delivery.Queue.BrokerName == broker.Name)
        .Select(delivery => (delivery.Queue.QueueId, delivery.Offset))
        .Distinct()
        .LongCount();

    /// <summary>How many messages below the given offsets of a broker's queues have come.</summary>
    public long CountIn(IReadOnlyDictionary<int, long> ends) => _deliveries
        .Where(delivery => delivery.Queue.Topic == SteadyLoad.Topic && delivery.Offset < ends[delivery.Queue.QueueId])
        .Select(delivery => (delivery.Queue.QueueId, delivery.Offset))
        .Distinct()
        .LongCount();

    /// <summary>How many messages at or behind the given offsets of a broker's queues a silo has got.</summary>
    public int CountBehind(IReadOnlyDictionary<int, long> offsets, string silo) => From(silo).Count(message => message.Offset >= offsets[message.QueueId]);

    /// <summary>The messages of the load a silo has got.</summary>
    public HashSet<(int QueueId, long Offset)> From(string silo) =>
    [
        .. _deliveries.Where(delivery => delivery.Silo == silo && delivery.Queue.Topic == SteadyLoad.Topic).Select(delivery => (delivery.Queue.QueueId, delivery.Offset)),
    ];

    /// <summary>Which queues each silo has got the latest messages of.</summary>
    public IReadOnlyDictionary<string, int[]> LatestQueues(int messages) => _deliveries.ToArray().TakeLast(messages)
        .Where(delivery => delivery.Queue.Topic == SteadyLoad.Topic)
        .GroupBy(delivery => delivery.Silo)
        .ToDictionary(silo => silo.Key, silo => silo.Select(delivery => delivery.Queue.QueueId).Distinct().ToArray());

    /// <summary>Whose deliveries came again where, queue by queue, for who looks into why there were so many.</summary>
    public string DescribeRepeats(long since) => string.Join(Environment.NewLine, _deliveries
        .Where(delivery => delivery.Queue.Topic == SteadyLoad.Topic)
        .GroupBy(delivery => (delivery.Queue.QueueId, delivery.Offset))
        .Where(message => message.Skip(1).Any())
        .Select(message => (message.Key, First: message.First(), Last: message.Last()))
        .Where(repeat => repeat.Last.Time >= since)
        .GroupBy(repeat => (repeat.Key.QueueId, From: repeat.First.Silo, To: repeat.Last.Silo))
        .OrderBy(repeats => repeats.Key.QueueId)
        .Select(repeats => string.Create(
            CultureInfo.InvariantCulture,
            $"queue {repeats.Key.QueueId}, {repeats.Key.From} then {repeats.Key.To}: {repeats.Count()} from offset {repeats.Min(repeat => repeat.Key.Offset)}, "
                + $"first had {Ago(since, repeats.Min(repeat => repeat.First.Time))} to {Ago(since, repeats.Max(repeat => repeat.First.Time))} ms, "
                + $"again {Ago(since, repeats.Min(repeat => repeat.Last.Time))} to {Ago(since, repeats.Max(repeat => repeat.Last.Time))} ms after the kill")));

    /// <summary>When queues paused for at least this long, and where they were before and after it, for who looks into why.</summary>
    public string DescribePauses(long since, TimeSpan least) => string.Join(Environment.NewLine, _deliveries
        .Where(delivery => delivery.Queue.Topic == SteadyLoad.Topic && delivery.Time >= since)
        .GroupBy(delivery => delivery.Queue.QueueId)
        .SelectMany(queue => queue.Zip(queue.Skip(1)))
        .Where(pair => TimeProvider.System.GetElapsedTime(pair.First.Time, pair.Second.Time) >= least)
        .OrderBy(pair => pair.First.Time)
        .Select(pair => string.Create(
            CultureInfo.InvariantCulture,
            $"queue {pair.First.Queue.QueueId} paused for {Ago(pair.First.Time, pair.Second.Time)} ms from {Ago(since, pair.First.Time)} ms on, {pair.First.Silo} then {pair.Second.Silo}")));

    private static long Ago(long since, long time) => (long)(new TimeSpan((time - since) * TimeSpan.TicksPerSecond / TimeProvider.System.TimestampFrequency).TotalMilliseconds);

    /// <summary>Compares what listeners got with what brokers have stored.</summary>
    /// <param name="brokers">Where the load went.</param>
    /// <param name="since">Pauses that ended before this time stamp do not count.</param>
    public Outcome Compare(IEnumerable<EmbeddedBroker> brokers, long since = 0)
        => Outcome.Of([.. _deliveries.Where(delivery => delivery.Queue.Topic == SteadyLoad.Topic)], brokers, since);
}
