using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>
/// Sharding keys of a queue that are set aside because one of their messages fails, each with its messages in order.
/// Bounded. Changed by the queue's loop only; may be read by anybody.
/// </summary>
internal sealed class ParkedKeys(int mostKeys, int mostMessages)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ParkedKey> _byKey = new(StringComparer.Ordinal);
    private int _messages;

    public bool Any => Count > 0;

    public int Count { get; private set; }

    /// <summary>The keys with their messages, for the status.</summary>
    public IReadOnlyList<ParkedKeySnapshot> Snapshot
    {
        get
        {
            lock (_gate)
            {
                return [.. _byKey.Values.Select(
                    key => new ParkedKeySnapshot(key.Key, key.Messages.Count, key.Messages[0].Messages[0].QueueOffset))];
            }
        }
    }

    public bool Has(string? key) => key is not null && _byKey.ContainsKey(key);

    /// <summary>Sets a later message of a parked key aside, behind the others; false when there is no room.</summary>
    public bool TryAppend(string key, ProcessQueueRange message)
    {
        lock (_gate)
        {
            if (_messages >= mostMessages)
            {
                return false;
            }

            _byKey[key].Messages.Add(message.Alone());
            _messages++;
            return true;
        }
    }

    /// <summary>
    /// Parks the keys of messages that failed together; all or none. False when one has no sharding key, or there is no
    /// room. None of the keys may be parked already.
    /// </summary>
    /// <param name="failed">The messages, one in each range, in order.</param>
    /// <param name="due">When they are to be tried again.</param>
    public bool TryPark(IReadOnlyList<ProcessQueueRange> failed, TimeSpan due)
    {
        lock (_gate)
        {
            var keys = failed.Select(message => message.Messages[0].ShardingKey).ToArray();
            if (keys.Contains(null) || _messages + failed.Count > mostMessages || _byKey.Count + keys.Distinct().Count() > mostKeys)
            {
                return false;
            }

            foreach (var message in failed)
            {
                var key = message.Messages[0].ShardingKey!;
                if (!_byKey.TryGetValue(key, out var parked))
                {
                    _byKey[key] = parked = new ParkedKey(key) { Due = due };
                }

                parked.Messages.Add(message.Alone());
                _messages++;
            }

            Count = _byKey.Count;
            return true;
        }
    }

    /// <summary>The key that is due first, or null.</summary>
    public ParkedKey? First => _byKey.Count == 0 ? null : _byKey.Values.MinBy(key => key.Due);

    /// <summary>Puts what is left of a key in the place of what was tried; the key is free when nothing is.</summary>
    /// <param name="key">The key.</param>
    /// <param name="tried">How many messages from the first on were tried.</param>
    /// <param name="left">Those of them that are not done, in order.</param>
    /// <param name="due">When the key is to be tried again.</param>
    public void Settle(ParkedKey key, int tried, IReadOnlyList<ProcessQueueRange> left, TimeSpan due)
    {
        lock (_gate)
        {
            key.Messages.RemoveRange(0, tried);
            key.Messages.InsertRange(0, left);
            key.Due = due;
            _messages += left.Count - tried;
            if (key.Messages.Count == 0)
            {
                _byKey.Remove(key.Key);
            }

            Count = _byKey.Count;
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _byKey.Clear();
            (_messages, Count) = (0, 0);
        }
    }
}

/// <summary>One key that is set aside.</summary>
internal sealed class ParkedKey(string key)
{
    public string Key { get; } = key;

    /// <summary>Its messages, one in each range, in order.</summary>
    public List<ProcessQueueRange> Messages { get; } = [];

    /// <summary>When it is to be tried again, on the queue's clock.</summary>
    public TimeSpan Due { get; set; }

    /// <summary>Its first messages, at most that many; one whose body cannot be read comes alone.</summary>
    public ProcessQueueRange[] Next(int most, long mostBytes = long.MaxValue)
    {
        var count = 1;
        var bytes = CallSize.Of(Messages[0].Messages[0]);
        while (count < Math.Min(most, Messages.Count)
            && IsReadable(0)
            && IsReadable(count)
            && (bytes += CallSize.Of(Messages[count].Messages[0])) <= mostBytes)
        {
            count++;
        }

        return [.. Messages.Take(count)];
    }

    private bool IsReadable(int index) => Messages[index].Messages[0].BodyError is null;
}
