using OrleansRocketMQ.Engine.Subscriptions;

namespace OrleansRocketMQ.Hosting;

/// <summary>
/// By what one source (attributes, or code) subscribes groups to topics. A group has one selector of a topic: a second
/// one would replace the first, and the messages of the first would be committed past. So a source may not contradict
/// itself; another source may, since it is meant to override.
/// </summary>
internal sealed class DeclaredSelectors(string source)
{
    private readonly Dictionary<(string Group, string Topic), MessageSelector> _selectors = [];

    /// <exception cref="RocketMQConfigurationException">The source has another selector for the group and topic.</exception>
    public void Add(string group, string topic, MessageSelector selector)
    {
        if (_selectors.TryGetValue((group, topic), out var known) && known != selector)
        {
            throw new RocketMQConfigurationException(
                $"Subscription of group '{group}' to topic '{topic}' in {source}",
                $"{known} and {selector}",
                "one selector of a group and topic; join tags with '||', or use two groups");
        }

        _selectors[(group, topic)] = selector;
    }
}
