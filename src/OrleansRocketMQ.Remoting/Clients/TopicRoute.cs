using System.Globalization;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Where a topic's queues are, and which of them can be read and written. Immutable. Mirrors
/// <c>MQClientInstance.topicRouteData2TopicSubscribeInfo / topicRouteData2TopicPublishInfo</c>.
/// </summary>
public sealed class TopicRoute
{
    /// <summary>
    /// The queues a topic may have on all its brokers together, to read or to write. Every client keeps an object for each:
    /// a route that says more is refused before that costs every client its memory.
    /// </summary>
    public const int MaxQueues = 65_536;

    private readonly LogicalQueues? _logical;

    private TopicRoute(string topic, TopicRouteData data)
    {
        Topic = topic;
        Data = data;
        if (data.IsStatic)
        {
            _logical = LogicalQueues.Of(topic, data);
            ReadQueues = WriteQueues = _logical.All;
            return;
        }

        ReadQueues = Sorted(data.QueueDatas.Where(queues => queues.IsReadable).Select(queues => (queues.BrokerName, queues.ReadQueueNums)));
        // In the order the administrator wrote: Java's producers of the same key choose by position.
        WriteQueues = OrderedBrokers(data.OrderTopicConf) is { } ordered ? [.. Queues(ordered)] : Sorted(WritableBrokers(data));
    }

    /// <summary>The topic.</summary>
    public string Topic { get; }

    /// <summary>What the name server told.</summary>
    public TopicRouteData Data { get; }

    /// <summary>
    /// The queues consumers read, in order: those of brokers on which the topic may be read; of a static topic its logical queues.
    /// </summary>
    public IReadOnlyList<MessageQueue> ReadQueues { get; }

    /// <summary>
    /// The queues producers write, in order: those of brokers that have a master and on which the topic may be written; of a static
    /// topic its logical queues.
    /// </summary>
    public IReadOnlyList<MessageQueue> WriteQueues { get; }

    /// <summary>Works out the queues of a route.</summary>
    /// <exception cref="MessageFormatException">It says that there are more than <see cref="MaxQueues"/>.</exception>
    public static TopicRoute From(string topic, TopicRouteData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new(topic, data);
    }

    /// <summary>
    /// The broker set a queue's requests go to: its own, of a logical queue the one that leads it; null when nobody does.
    /// </summary>
    public string? BrokerOf(MessageQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return _logical is null ? queue.BrokerName : _logical.LeaderOf(queue);
    }

    /// <summary>See <see cref="LogicalQueues.NewestPieceOf"/>; null also for a queue that is no logical one.</summary>
    internal MessageQueue? NewestPieceOf(MessageQueue queue) => _logical?.NewestPieceOf(queue);

    /// <summary>Whether both tell the same, in whatever order the name server wrote it.</summary>
    public bool SameAs(TopicRoute? other)
        => other is not null && Topic == other.Topic && SameData(Data, other.Data);

    internal static bool SameData(TopicRouteData one, TopicRouteData other)
        => one.OrderTopicConf == other.OrderTopicConf
            && SameMappings(one.TopicQueueMappingByBroker, other.TopicQueueMappingByBroker)
            && SameSet(one.QueueDatas, other.QueueDatas, static queues => queues.BrokerName, static (left, right) => left == right)
            && SameSet(one.BrokerDatas, other.BrokerDatas, static broker => broker.BrokerName, SameBroker);

    /// <inheritdoc/>
    public override string ToString()
    {
        var brokers = string.Join(", ", Data.BrokerDatas.Select(broker => broker.BrokerName));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Topic}: {ReadQueues.Count} queues to read, {WriteQueues.Count} to write on {brokers}");
    }

    /// <exception cref="MessageFormatException">There are more queues than a topic may have.</exception>
    internal static void CheckCount(string topic, long queues)
    {
        if (queues > MaxQueues)
        {
            throw new MessageFormatException(
                $"number of queues of topic '{topic}'", queues.ToString(CultureInfo.InvariantCulture), $"at most {MaxQueues}");
        }
    }

    private MessageQueue[] Sorted(IEnumerable<(string BrokerName, int Count)> brokers)
    {
        MessageQueue[] sorted = [.. Queues(brokers).Distinct()];
        Array.Sort(sorted);
        return sorted;
    }

    private static IEnumerable<(string BrokerName, int Count)> WritableBrokers(TopicRouteData data)
    {
        var withMaster = data.BrokerDatas
            .Where(broker => broker.BrokerAddrs.ContainsKey(BrokerData.MasterId))
            .Select(broker => broker.BrokerName)
            .ToHashSet(StringComparer.Ordinal);
        return data.QueueDatas
            .Where(queues => queues.IsWritable && withMaster.Contains(queues.BrokerName))
            .Select(queues => (queues.BrokerName, queues.WriteQueueNums));
    }

    // "broker-a:4;broker-b:4", which an administrator wrote; null when there is no such setting or it makes no sense.
    private static List<(string BrokerName, int Count)>? OrderedBrokers(string? setting)
    {
        if (string.IsNullOrEmpty(setting))
        {
            return null;
        }

        var brokers = new List<(string, int)>();
        foreach (var item in setting.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var colon = item.LastIndexOf(':');
            if (colon <= 0 || !int.TryParse(item.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            {
                return null;
            }

            brokers.Add((item[..colon], count));
        }

        return brokers;
    }

    private static bool SameBroker(BrokerData left, BrokerData right)
        => left.BrokerName == right.BrokerName
            && left.Cluster == right.Cluster
            && left.EnableActingMaster == right.EnableActingMaster
            && left.BrokerAddrs.Count == right.BrokerAddrs.Count
            && left.BrokerAddrs.All(member => right.BrokerAddrs.TryGetValue(member.Key, out var address) && address == member.Value);

    private static bool SameMappings(
        IReadOnlyDictionary<string, TopicQueueMapping>? left, IReadOnlyDictionary<string, TopicQueueMapping>? right)
        => (left?.Count ?? 0) == (right?.Count ?? 0)
            && (left is null || left.All(pair => right!.TryGetValue(pair.Key, out var other) && pair.Value.SameAs(other)));

    private static bool SameSet<T>(IReadOnlyList<T> left, IReadOnlyList<T> right, Func<T, string> key, Func<T, T, bool> same)
        => left.Count == right.Count
            && left.OrderBy(key, StringComparer.Ordinal)
                .Zip(right.OrderBy(key, StringComparer.Ordinal))
                .All(pair => same(pair.First, pair.Second));

    private IEnumerable<MessageQueue> Queues(IEnumerable<(string BrokerName, int Count)> brokers)
    {
        var counted = brokers.ToList();
        CheckCount(Topic, counted.Sum(broker => (long)Math.Max(0, broker.Count)));
        return counted.SelectMany(broker => Enumerable
            .Range(0, Math.Max(0, broker.Count))
            .Select(id => new MessageQueue(Topic, broker.BrokerName, id)));
    }
}
