using System.Collections.Concurrent;

namespace OrleansRocketMQ.Consumers;

/// <summary>The groups that run on this silo. Thread-safe.</summary>
internal sealed class ConsumerRegistry
{
    private readonly ConcurrentDictionary<string, ConsumerGroupRuntime> _byGroup = new(StringComparer.Ordinal);

    public IEnumerable<ConsumerGroupRuntime> All => _byGroup.Values;

    /// <summary>The group by which this silo warms up, while it does: it is found, but is none of those that run here.</summary>
    public ConsumerGroupRuntime? WarmUp { get; set; }

    public ConsumerGroupRuntime? Find(string group)
        => _byGroup.GetValueOrDefault(group) ?? (WarmUp is { } warmUp && warmUp.Group == group ? warmUp : null);

    public void Add(ConsumerGroupRuntime consumer) => _byGroup[consumer.Group] = consumer;

    public void Remove(ConsumerGroupRuntime consumer) => _byGroup.TryRemove(new(consumer.Group, consumer));
}
