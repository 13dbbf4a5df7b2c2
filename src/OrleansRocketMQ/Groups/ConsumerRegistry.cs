using System.Collections.Concurrent;

namespace OrleansRocketMQ.Consumers;

/// <summary>The groups that run on this silo. Thread-safe.</summary>
internal sealed class ConsumerRegistry
{
    private readonly ConcurrentDictionary<string, GroupConsumer> _byGroup = new(StringComparer.Ordinal);

    public IEnumerable<GroupConsumer> All => _byGroup.Values;

    public GroupConsumer? Find(string group) => _byGroup.GetValueOrDefault(group);

    public void Add(GroupConsumer consumer) => _byGroup[consumer.Group] = consumer;

    public void Remove(GroupConsumer consumer) => _byGroup.TryRemove(new(consumer.Group, consumer));
}
