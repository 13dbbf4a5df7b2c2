using System.Collections.Concurrent;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Topics;

/// <summary>A broker's topics, and how they come to be. Mirrors <c>TopicConfigManager</c>. Thread-safe.</summary>
internal sealed class TopicTable(bool autoCreate, bool lightQueues, Func<long> logEnd)
{
    private readonly ConcurrentDictionary<string, TopicConfig> _topics = new(StringComparer.Ordinal);

    /// <summary>Raised when a topic was made, changed or deleted.</summary>
    public event Action? Changed;

    public IEnumerable<TopicConfig> All => _topics.Values;

    /// <summary>A topic that name servers hear of.</summary>
    public TopicConfig? FindListed(string topic) => _topics.GetValueOrDefault(topic);

    // Light queues are there for whoever asks, and are listed nowhere. Mirrors LmqTopicConfigManager.
    public TopicConfig? Find(string topic) => FindListed(topic)
        ?? (lightQueues && SystemTopics.IsLight(topic) ? new(topic, 1, 1) : null);

    /// <summary>Puts a topic there without telling anybody; for what a broker starts with.</summary>
    public void Load(TopicConfig topic) => _topics[topic.Name] = topic;

    public TopicConfig Set(TopicConfig topic)
    {
        var set = _topics.AddOrUpdate(
            topic.Name,
            _ => topic with { BornAt = logEnd() },
            (_, old) => topic with { BornAt = old.BornAt });
        Changed?.Invoke();
        return set;
    }

    public bool Remove(string topic)
    {
        var removed = _topics.TryRemove(topic, out _);
        if (removed)
        {
            Changed?.Invoke();
        }

        return removed;
    }

    /// <summary>Makes a topic unless it is there.</summary>
    public TopicConfig Ensure(string topic, int queues)
        => Find(topic) ?? Add(new(topic, queues, queues));

    /// <summary>
    /// The topic a producer sends to, made after the pattern it names when unknown.
    /// Mirrors <c>createTopicInSendMessageMethod</c>.
    /// </summary>
    /// <returns>Null when it may not be made.</returns>
    public TopicConfig? FindOrCreateForSend(string topic, string defaultTopic, int wantedQueues)
    {
        if (Find(topic) is { } known)
        {
            return known;
        }

        var pattern = Find(defaultTopic);
        if (pattern is { IsInherited: true } && (autoCreate || defaultTopic != SystemTopics.AutoCreateKey))
        {
            var queues = Math.Max(0, Math.Min(wantedQueues, pattern.WriteQueues));
            return Add(new(topic, queues, queues, pattern.Perm & ~TopicConfig.Inherit) { FilterType = pattern.FilterType });
        }

        return SystemTopics.IsRetry(topic) ? Add(new(topic, 1, 1)) : null;
    }

    private TopicConfig Add(TopicConfig topic)
    {
        var added = _topics.GetOrAdd(topic.Name, _ => topic with { BornAt = logEnd() });
        Changed?.Invoke();
        return added;
    }
}
