using System.Collections.Frozen;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// The logical queues of a static topic, and which broker leads each. All of them are there, also one that nobody leads just now:
/// members share them out, and producers choose by position. Immutable. Mirrors
/// <c>ClientMetadata.topicRouteData2EndpointsForStaticTopic</c>.
/// </summary>
internal sealed class LogicalQueues
{
    // The newest piece of each, by its broker and the id it has there.
    private readonly FrozenDictionary<MessageQueue, MessageQueue> _pieces;

    private LogicalQueues(MessageQueue[] all, FrozenDictionary<MessageQueue, MessageQueue> pieces) => (All, _pieces) = (all, pieces);

    /// <summary>All of them, in order.</summary>
    public IReadOnlyList<MessageQueue> All { get; }

    /// <summary>Works them out of what a name server told of a static topic.</summary>
    /// <exception cref="MessageFormatException">There are more than a topic may have.</exception>
    public static LogicalQueues Of(string topic, TopicRouteData data)
    {
        var all = new List<MessageQueue>();
        var pieces = new Dictionary<MessageQueue, MessageQueue>();
        var mappings = data.TopicQueueMappingByBroker!.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value);
        foreach (var scope in mappings.GroupBy(mapping => mapping.Scope, StringComparer.Ordinal))
        {
            var broker = BrokerOf(scope.Key);
            var total = scope.Max(mapping => mapping.TotalQueues);
            TopicRoute.CheckCount(topic, all.Count + (long)Math.Max(0, total));
            all.AddRange(Enumerable.Range(0, Math.Max(0, total)).Select(id => new MessageQueue(topic, broker, id)));

            // While a queue moves both brokers call it theirs; the newer mapping counts.
            foreach (var mapping in scope.OrderBy(mapping => mapping.Epoch))
            {
                foreach (var (id, idThere) in mapping.CurrIdMap)
                {
                    pieces[new MessageQueue(topic, broker, id)] = new MessageQueue(topic, mapping.Bname, idThere);
                }
            }
        }

        all.Sort();
        return new([.. all], pieces.ToFrozenDictionary());
    }

    /// <summary>The broker that leads a queue; null when nobody does.</summary>
    public string? LeaderOf(MessageQueue queue) => NewestPieceOf(queue)?.BrokerName;

    /// <summary>The queue behind it that is written to now, of the broker that leads it; null when nobody does.</summary>
    public MessageQueue? NewestPieceOf(MessageQueue queue) => _pieces.GetValueOrDefault(queue);

    // Mirrors TopicQueueMappingUtils.getMockBrokerName.
    private static string BrokerOf(string scope)
        => MessageQueue.LogicalPrefix + (scope == TopicQueueMapping.GlobalScope ? scope[2..] : scope);
}
