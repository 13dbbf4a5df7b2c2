using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// What each name server last said about a topic. They do not talk to each other: a broker that is set up with one of two,
/// or cannot reach one, is known to the other only. Members that asked different ones would share out different queues, and
/// some would be nobody's; so all that any of them knows is put together, in the same way by every member. Thread-safe.
/// </summary>
internal sealed class RouteAnswers(int servers, TimeProvider time)
{
    // As long as a name server believes in a broker that is silent.
    private static readonly TimeSpan LongestMemory = TimeSpan.FromMinutes(2);

    private readonly Answer?[] _answers = new Answer?[servers];
    private readonly Lock _gate = new();
    private long _changes;

    /// <summary>Notes what a server says; null: that there is no such topic.</summary>
    public void Note(int server, TopicRouteData? route)
    {
        lock (_gate)
        {
            var before = _answers[server];
            var isSame = before is not null
                && (route is null ? before.Route is null : before.Route is not null && TopicRoute.SameData(route, before.Route));
            var change = isSame || before is null ? before?.Change ?? 0 : ++_changes;
            _answers[server] = new(isSame ? before!.Route : route, time.GetTimestamp(), change);
        }
    }

    /// <summary>All that is known; null when nobody knows of such a topic.</summary>
    public TopicRouteData? Merged()
    {
        Answer[] known;
        lock (_gate)
        {
            // Where they contradict each other, the one counts that has learnt something last.
            known =
            [
                .. _answers.OfType<Answer>()
                    .Where(answer => answer.Route is not null && time.GetElapsedTime(answer.At) < LongestMemory)
                    .OrderByDescending(answer => answer.Change),
            ];
        }

        return known.Length == 0 ? null : known.Select(answer => answer.Route!).Aggregate(Merge);
    }

    private static TopicRouteData Merge(
        TopicRouteData first,
        TopicRouteData other) => TopicRoute.SameData(first, other) ? first : first with
    {
        BrokerDatas =
        [
            .. first.BrokerDatas.Select(broker => Find(other, broker.BrokerName) is { } another ? Merge(broker, another) : broker),
            .. other.BrokerDatas.ExceptBy(
                first.BrokerDatas.Select(broker => broker.BrokerName),
                broker => broker.BrokerName,
                StringComparer.Ordinal),
        ],
        QueueDatas =
        [
            .. first.QueueDatas,
            .. other.QueueDatas.ExceptBy(
                first.QueueDatas.Select(queues => queues.BrokerName),
                queues => queues.BrokerName,
                StringComparer.Ordinal),
        ],
        OrderTopicConf = string.IsNullOrEmpty(first.OrderTopicConf) ? other.OrderTopicConf : first.OrderTopicConf,
        TopicQueueMappingByBroker = Merge(first.TopicQueueMappingByBroker, other.TopicQueueMappingByBroker),
    };

    // Of one broker the newer mapping counts, whoever told it.
    private static IReadOnlyDictionary<string, TopicQueueMapping>? Merge(
        IReadOnlyDictionary<string, TopicQueueMapping>? first, IReadOnlyDictionary<string, TopicQueueMapping>? other)
        => first is null || other is null
            ? first ?? other
            : first.Concat(other)
                .GroupBy(mapping => mapping.Key, mapping => mapping.Value, StringComparer.Ordinal)
                .ToDictionary(broker => broker.Key, broker => broker.MaxBy(mapping => mapping.Epoch)!, StringComparer.Ordinal);

    private static BrokerData? Find(TopicRouteData route, string brokerName)
        => route.BrokerDatas.FirstOrDefault(broker => broker.BrokerName == brokerName);

    private static BrokerData Merge(BrokerData first, BrokerData other) => other.BrokerAddrs.Keys.All(first.BrokerAddrs.ContainsKey)
        ? first
        : first with
        {
            BrokerAddrs = other.BrokerAddrs
                .Concat(first.BrokerAddrs)
                .GroupBy(member => member.Key)
                .ToDictionary(members => members.Key, members => members.Last().Value),
        };

    /// <param name="Route">What it said; null: no such topic.</param>
    /// <param name="At">When it said so last, as a time stamp.</param>
    /// <param name="Change">The number of the change that it told.</param>
    private sealed record Answer(TopicRouteData? Route, long At, long Change);
}
