using System.Collections.Concurrent;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>What became of a request that was to be held.</summary>
internal enum HoldOutcome
{
    Held,

    /// <summary>So many are held already that it is not.</summary>
    Full,

    /// <summary>It has no time left, or never had any.</summary>
    TimedOut,
}

/// <summary>
/// Long polling of those who pop: a message wakes one that waits for its queue and one that waits for any, of each group. Those of
/// retry topics of version 1 wake nobody, as in RocketMQ: who waits gets them when his time is up. Mirrors
/// <c>PopLongPollingService</c>. Thread-safe.
/// </summary>
internal sealed class PollHold : IDisposable
{
    private const int AnyQueue = -1;
    private const int MostHeld = 100_000;

    // Now and then one is woken whatever its filter says, so that its queue gets on (popLongPollingForceNotifyInterval).
    private const int ForcedEvery = 800;

    // A little before its end, so that the answer is there in time.
    private const long Hurry = 50;

    private readonly ConcurrentDictionary<string, PolledTopic> _topics = new(StringComparer.Ordinal);
    private readonly MessageStore _store;
    private readonly int _mostOfOneKind;
    private int _count;

    /// <param name="store">Where messages arrive.</param>
    /// <param name="mostOfOneKind">How many may wait for one group and queue (<c>popPollingSize</c>).</param>
    public PollHold(MessageStore store, int mostOfOneKind)
    {
        _store = store;
        _mostOfOneKind = mostOfOneKind;
        _store.Arrived += OnArrived;
    }

    public int Count => Volatile.Read(ref _count);

    /// <summary>Grows with whatever may wake somebody who waits for a topic, from the first time on that it is asked for.</summary>
    public long ArrivalsOf(string topic)
    {
        var polled = _topics.GetOrAdd(topic, static _ => new());
        lock (polled)
        {
            return polled.Arrivals;
        }
    }

    /// <summary>Keeps a request that has found nothing.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="poll">The request.</param>
    /// <param name="seen">The arrivals before it looked: if there are more, it is woken at once.</param>
    public HoldOutcome TryHold(string topic, HeldPoll poll, long seen)
    {
        if (Count >= MostHeld)
        {
            return HoldOutcome.Full;
        }

        if (_store.Now > poll.Expires - Hurry)
        {
            return HoldOutcome.TimedOut;
        }

        var polled = _topics.GetOrAdd(topic, static _ => new());
        lock (polled)
        {
            if (polled.Arrivals != seen)
            {
                poll.Wake();
                return HoldOutcome.Held;
            }

            if (!poll.Peer.Connection.IsUsable)
            {
                poll.Drop();
                return HoldOutcome.Held;
            }

            var line = polled.LineOf((poll.Group, poll.QueueId));
            if (line.Count > _mostOfOneKind)
            {
                return HoldOutcome.Full;
            }

            line.AddLast(poll);
            Interlocked.Increment(ref _count);
            return HoldOutcome.Held;
        }
    }

    /// <summary>Wakes the first that waits for a queue, or for any.</summary>
    /// <returns>False: nobody does.</returns>
    public bool WakeOne(string topic, string group, int queueId)
    {
        if (!_topics.TryGetValue(topic, out var polled))
        {
            return false;
        }

        lock (polled)
        {
            // Who has looked already and is not held yet looks again.
            polled.Arrivals++;
            return WakeFirst(polled, (group, Math.Max(AnyQueue, queueId)), static _ => true);
        }
    }

    /// <summary>Wakes one of each group that waits for a queue, and one that waits for any.</summary>
    public void WakeEach(string topic, int queueId) => WakeEach(topic, queueId, static _ => true);

    /// <summary>Ends those whose time is up.</summary>
    public void Sweep()
    {
        if (Count > 0)
        {
            var now = _store.Now;
            End(poll => now > poll.Expires - Hurry, wake: true);
        }
    }

    /// <summary>Drops those of a closed connection.</summary>
    public void Forget(ClientPeer peer)
    {
        if (Count > 0)
        {
            End(poll => poll.Peer == peer, wake: false);
        }
    }

    public void DropAll() => End(static _ => true, wake: false);

    public void Dispose()
    {
        _store.Arrived -= OnArrived;
        DropAll();
    }

    private void OnArrived(TopicQueue queue, long queueOffset, int tagHash, ReadOnlyMemory<byte> record)
    {
        var topic = SystemTopics.IsPopRetryV2(queue.Topic)
            ? queue.Topic[(queue.Topic.IndexOf('+', StringComparison.Ordinal) + 1)..]
            : queue.Topic;
        if (!_topics.ContainsKey(topic))
        {
            return;
        }

        var isForced = queueOffset % ForcedEvery == 0;
        WakeEach(
            topic,
            queue.QueueId,
            poll => isForced
                || poll.Filter is not { } filter
                || (filter.MayMatch(tagHash) && (!filter.NeedsMessage || filter.Matches(RecordLayout.Properties(record.Span)))));
    }

    private void WakeEach(string topic, int queueId, Func<HeldPoll, bool> wants)
    {
        if (!_topics.TryGetValue(topic, out var polled))
        {
            return;
        }

        lock (polled)
        {
            polled.Arrivals++;
            foreach (var line in polled.Lines.Keys.Where(line => line.QueueId == AnyQueue || line.QueueId == queueId).ToArray())
            {
                WakeFirst(polled, line, wants);
            }
        }
    }

    private bool WakeFirst(PolledTopic polled, (string Group, int QueueId) key, Func<HeldPoll, bool> wants)
    {
        if (!polled.Lines.TryGetValue(key, out var line) || line.First is not { } first || !wants(first.Value))
        {
            return false;
        }

        Remove(polled, key, first);
        first.Value.Wake();
        return true;
    }

    private void End(Func<HeldPoll, bool> which, bool wake)
    {
        foreach (var polled in _topics.Values)
        {
            lock (polled)
            {
                foreach (var (key, line) in polled.Lines.ToArray())
                {
                    for (var (node, next) = (line.First, line.First?.Next); node is not null; (node, next) = (next, next?.Next))
                    {
                        if (which(node.Value))
                        {
                            Remove(polled, key, node);
                            End(node.Value, wake);
                        }
                    }
                }
            }
        }
    }

    private static void End(HeldPoll poll, bool wake)
    {
        if (wake)
        {
            poll.Wake();
        }
        else
        {
            poll.Drop();
        }
    }

    private void Remove(PolledTopic polled, (string Group, int QueueId) key, LinkedListNode<HeldPoll> node)
    {
        var line = polled.Lines[key];
        line.Remove(node);
        Interlocked.Decrement(ref _count);
        if (line.Count == 0)
        {
            polled.Lines.Remove(key);
        }
    }

    /// <summary>Who waits for messages of a topic. Locked by whoever looks.</summary>
    private sealed class PolledTopic
    {
        public long Arrivals { get; set; }

        public Dictionary<(string Group, int QueueId), LinkedList<HeldPoll>> Lines { get; } = [];

        public LinkedList<HeldPoll> LineOf((string Group, int QueueId) key)
        {
            if (!Lines.TryGetValue(key, out var line))
            {
                Lines[key] = line = new();
            }

            return line;
        }
    }
}
