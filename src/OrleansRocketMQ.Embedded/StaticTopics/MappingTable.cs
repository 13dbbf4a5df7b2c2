using System.Collections.Concurrent;

namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>What a broker knows of its static topics. Mirrors <c>TopicQueueMappingManager</c>. Thread-safe.</summary>
internal sealed class MappingTable
{
    private readonly ConcurrentDictionary<string, QueueMapping> _mappings = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Raised when a mapping was made, changed or deleted.</summary>
    public event Action? Changed;

    public IEnumerable<QueueMapping> All => _mappings.Values;

    public QueueMapping? Find(string topic) => _mappings.IsEmpty ? null : _mappings.GetValueOrDefault(topic);

    /// <summary>Puts a mapping there without telling anybody; for what a broker starts with.</summary>
    public void Load(QueueMapping mapping) => _mappings[mapping.Topic] = mapping;

    /// <summary>Takes a new mapping, with the queues only the old one has; unless forced only one that goes with that.</summary>
    /// <returns>Why it is not taken; null when it is.</returns>
    public string? Update(QueueMapping mapping, bool force)
    {
        lock (_gate)
        {
            var old = Find(mapping.Topic);
            if (mapping.HostedQueues.Values.Select(Complaint).FirstOrDefault(complaint => complaint is not null) is { } wrong)
            {
                return wrong;
            }

            if (old is not null && !force && ComplaintOfChange(old, mapping) is { } mismatch)
            {
                return mismatch;
            }

            _mappings[mapping.Topic] = old is null ? mapping : mapping with
            {
                HostedQueues = mapping.HostedQueues
                    .Concat(old.HostedQueues.ExceptBy(mapping.HostedQueues.Keys, queue => queue.Key))
                    .ToDictionary(),
            };
        }

        Changed?.Invoke();
        return null;
    }

    public void Remove(string topic)
    {
        if (_mappings.TryRemove(topic, out _))
        {
            Changed?.Invoke();
        }
    }

    private static string? ComplaintOfChange(QueueMapping old, QueueMapping mapping)
    {
        if (mapping.Epoch < old.Epoch)
        {
            return $"Can't accept data with small epoch {mapping.Epoch} < {old.Epoch}";
        }

        if (mapping.Scope != old.Scope)
        {
            return $"Can't accept data with unmatched scope {mapping.Scope} != {old.Scope}";
        }

        if (mapping.Epoch > old.Epoch)
        {
            return null;
        }

        foreach (var (id, items) in old.HostedQueues)
        {
            if (!mapping.HostedQueues.TryGetValue(id, out var replacing))
            {
                return "Cannot accept equal epoch with null data";
            }

            if (items is [.., var leader] && replacing is [.., var next]
                && (next.Gen, next.Bname, next.QueueId, next.StartOffset) != (leader.Gen, leader.Bname, leader.QueueId, leader.StartOffset))
            {
                return "The new leader is different but epoch equal";
            }
        }

        return null;
    }

    // Mirrors checkLogicQueueMappingItemOffset.
    private static string? Complaint(IReadOnlyList<MappingItem> items)
    {
        if (items.Any(item => item.StartOffset < 0 || item.Gen < 0 || item.QueueId < 0))
        {
            return "The field is illegal, should not be negative";
        }

        if (items.SkipLast(1).Any(item => item.LogicOffset < 0))
        {
            return "The non-latest item has negative logic offset";
        }

        var pairs = items.Zip(items.Skip(1)).ToArray();
        if (pairs.Any(pair => pair.First.Gen >= pair.Second.Gen))
        {
            return "The gen does not increase monotonically";
        }

        return pairs.Any(pair => pair.Second.LogicOffset != -1
            && (pair.First.LogicOffset >= pair.Second.LogicOffset || pair.First.LogicalEnd() >= pair.Second.LogicOffset))
            ? "The max logic offset does not increase monotonically"
            : null;
    }
}
