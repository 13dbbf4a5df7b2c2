using System.Collections.Concurrent;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>The offsets a store knows of. Thread-safe.</summary>
internal sealed class OffsetTable
{
    private readonly ConcurrentDictionary<MessageQueue, long> _offsets = new();

    /// <summary>Whether memory is to answer a read, and what it says; otherwise the store must be asked.</summary>
    public bool Answers(MessageQueue queue, OffsetReadMode mode, OffsetStoreMetrics metrics, out long? answer)
    {
        answer = null;
        if (mode == OffsetReadMode.Store)
        {
            return false;
        }

        if (TryGet(queue, out var known))
        {
            metrics.CountHit();
            answer = known;
            return true;
        }

        metrics.CountMiss();
        return mode == OffsetReadMode.Memory;
    }

    public bool TryGet(MessageQueue queue, out long offset) => _offsets.TryGetValue(queue, out offset);

    public void Update(MessageQueue queue, long offset, bool increaseOnly) => _offsets.AddOrUpdate(
        queue,
        static (_, update) => update.offset,
        static (_, known, update) => update.increaseOnly ? Math.Max(known, update.offset) : update.offset,
        (offset, increaseOnly));

    public void Remove(MessageQueue queue) => _offsets.TryRemove(queue, out _);

    public IReadOnlyDictionary<MessageQueue, long> Clone(string topic)
        => _offsets.Where(pair => pair.Key.Topic == topic).ToDictionary(pair => pair.Key, pair => pair.Value);
}
