using System.Collections.Concurrent;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Embedded.Pulls;

/// <summary>
/// Long polling: keeps pulls that found nothing until a message arrives that their filter lets through, or their time
/// is up. Mirrors <c>PullRequestHoldService</c> and <c>NotifyMessageArrivingListener</c>. Thread-safe.
/// </summary>
internal sealed class PullHold : IDisposable
{
    /// <summary>How often <see cref="Sweep"/> is to be called.</summary>
    public static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(100);

    // Like RocketMQ's own look at the held pulls, this one wakes them for messages their filter does not want, so that
    // the consumer learns how far the queue has come.
    private static readonly TimeSpan RecheckPeriod = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<TopicQueue, List<HeldPull>> _held = new();
    private readonly MessageStore _store;
    private readonly TimeProvider _time;
    private int _count;

    public PullHold(MessageStore store, TimeProvider time)
    {
        _store = store;
        _time = time;
        _store.Arrived += OnArrived;
    }

    public int Count => Volatile.Read(ref _count);

    /// <summary>Keeps a pull; its end tells whether to answer it.</summary>
    public Task<bool> HoldAsync(HeldPull pull)
    {
        var list = _held.GetOrAdd(pull.Queue, static _ => []);
        lock (list)
        {
            list.Add(pull);
        }

        Interlocked.Increment(ref _count);

        // A message may have come between the look that found nothing and this moment.
        if (_store.MaxOffset(pull.Queue) > pull.Offset)
        {
            End(pull, wake: true);
        }
        else if (!pull.Peer.Connection.IsUsable)
        {
            End(pull, wake: false);
        }

        return pull.Ended;
    }

    /// <summary>Drops the pulls of a closed connection.</summary>
    public void Forget(ClientPeer peer)
    {
        foreach (var pull in Snapshot().Where(pull => pull.Peer == peer))
        {
            End(pull, wake: false);
        }
    }

    public void DropAll()
    {
        foreach (var pull in Snapshot())
        {
            End(pull, wake: false);
        }
    }

    public void Dispose()
    {
        _store.Arrived -= OnArrived;
        DropAll();
    }

    private void OnArrived(TopicQueue queue, long queueOffset, int tagHash, ReadOnlyMemory<byte> record)
    {
        if (!_held.TryGetValue(queue, out var list))
        {
            return;
        }

        lock (list)
        {
            for (var index = list.Count - 1; index >= 0; index--)
            {
                var pull = list[index];
                if (queueOffset < pull.Offset
                    || !pull.Filter.MayMatch(tagHash)
                    || (pull.Filter.NeedsMessage && !pull.Filter.Matches(RecordLayout.Properties(record.Span))))
                {
                    continue;
                }

                list.RemoveAt(index);
                Interlocked.Decrement(ref _count);
                pull.Wake();
            }
        }
    }

    /// <summary>Ends the pulls whose time is up.</summary>
    public void Sweep()
    {
        if (Count == 0)
        {
            return;
        }

        var now = _time.GetTimestamp();
        foreach (var pull in Snapshot())
        {
            if (_time.GetElapsedTime(pull.HeldAt, now) >= pull.Limit)
            {
                End(pull, wake: true);
            }
            else if (_time.GetElapsedTime(pull.CheckedAt, now) >= RecheckPeriod)
            {
                pull.CheckedAt = now;
                if (_store.MaxOffset(pull.Queue) > pull.Offset)
                {
                    End(pull, wake: true);
                }
            }
        }
    }

    private void End(HeldPull pull, bool wake)
    {
        var list = _held[pull.Queue];
        lock (list)
        {
            if (!list.Remove(pull))
            {
                return;
            }
        }

        Interlocked.Decrement(ref _count);
        if (wake)
        {
            pull.Wake();
        }
        else
        {
            pull.Drop();
        }
    }

    private List<HeldPull> Snapshot()
    {
        var all = new List<HeldPull>();
        foreach (var list in _held.Values)
        {
            lock (list)
            {
                all.AddRange(list);
            }
        }

        return all;
    }
}
