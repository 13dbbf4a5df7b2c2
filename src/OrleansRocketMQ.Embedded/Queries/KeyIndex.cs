using System.Collections.Concurrent;
using System.Text;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Queries;

/// <summary>
/// Which messages of a topic have a key, or an id that their producer gave. Made when a topic is first asked for and read on when
/// it is asked for again, so that it costs nothing where nobody asks. Mirrors <c>IndexService</c>, whose answers may hold
/// messages of other keys; these do not. Thread-safe.
/// </summary>
internal sealed class KeyIndex(MessageStore store)
{
    private readonly ConcurrentDictionary<string, TopicKeys> _topics = new(StringComparer.Ordinal);

    /// <summary>The messages that were stored in a time, as they lie in the commit log; of too many the last ones.</summary>
    /// <param name="topic">Their topic.</param>
    /// <param name="key">One of their keys, or the id their producer gave.</param>
    /// <param name="most">How many at most.</param>
    /// <param name="begin">From when on, in milliseconds since 1970.</param>
    /// <param name="end">Until when.</param>
    public IReadOnlyList<ReadOnlyMemory<byte>> Find(string topic, string key, int most, long begin, long end)
    {
        var queues = store.QueuesOf(topic);
        if (queues.Count == 0)
        {
            _topics.TryRemove(topic, out _);
            return [];
        }

        return [.. _topics.GetOrAdd(topic, static _ => new TopicKeys()).Find(store, queues, key, begin, end).TakeLast(most)];
    }

    private sealed class TopicKeys
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, List<long>> _offsets = new(StringComparer.Ordinal);
        private readonly Dictionary<TopicQueue, long> _readTo = [];
        private long _forgottenBelow;

        public List<ReadOnlyMemory<byte>> Find(MessageStore store, IReadOnlyList<TopicQueue> queues, string key, long begin, long end)
        {
            long[] offsets;
            lock (_lock)
            {
                foreach (var queue in queues)
                {
                    ReadOn(store, queue);
                }

                ForgetBelow(store.MinLogOffset);
                offsets = _offsets.TryGetValue(key, out var found) ? [.. found.Order()] : [];
            }

            var records = new List<ReadOnlyMemory<byte>>();
            foreach (var offset in offsets)
            {
                if (store.TryReadRecord(offset, out var record)
                    && RecordLayout.Decode(record).StoreTimestamp is var stored && stored >= begin && stored <= end)
                {
                    records.Add(record);
                }
            }

            return records;
        }

        private void ReadOn(MessageStore store, TopicQueue queue)
        {
            var max = store.MaxOffset(queue);
            var offset = Math.Max(_readTo.GetValueOrDefault(queue), store.MinOffset(queue));
            for (; offset < max; offset++)
            {
                if (store.TryGet(queue, offset, out var entry, out var record))
                {
                    Note(record, entry.LogOffset);
                }
            }

            _readTo[queue] = max;
        }

        private void Note(ReadOnlyMemory<byte> record, long offset)
        {
            var properties = RecordLayout.Properties(record.Span);
            if (MessageProperties.TryFind(properties, "UNIQ_KEY"u8, out var id))
            {
                Note(Encoding.UTF8.GetString(id), offset);
            }

            if (MessageProperties.TryFind(properties, "KEYS"u8, out var keys))
            {
                foreach (var key in Encoding.UTF8.GetString(keys)
                    .Split(MessageProperties.KeySeparator, StringSplitOptions.RemoveEmptyEntries).Distinct())
                {
                    Note(key, offset);
                }
            }
        }

        private void Note(string key, long offset)
        {
            if (!_offsets.TryGetValue(key, out var offsets))
            {
                _offsets.Add(key, offsets = []);
            }

            offsets.Add(offset);
        }

        /// <summary>What retention has taken is not kept here either.</summary>
        private void ForgetBelow(long logOffset)
        {
            if (logOffset == _forgottenBelow)
            {
                return;
            }

            _forgottenBelow = logOffset;
            foreach (var (key, offsets) in _offsets)
            {
                offsets.RemoveAll(offset => offset < logOffset);
                if (offsets.Count == 0)
                {
                    _offsets.Remove(key);
                }
            }
        }
    }
}
