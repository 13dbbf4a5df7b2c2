using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>
/// A queue that is popped in order, as a broker keeps it: nothing more until all of the last pop is done or to be seen again, and
/// then from the first on that is not done. Mirrors <c>ConsumerOrderInfoManager</c>.
/// </summary>
internal sealed class FakePopOrder(TimeProvider time)
{
    private readonly Dictionary<long, int> _counts = [];
    private readonly HashSet<long> _done = [];
    private readonly Dictionary<long, long> _visibleAt = [];
    private long[] _offsets = [];
    private long? _reset;
    private string? _attempt;
    private long _popTime;
    private bool _hasForgotten;

    /// <summary>How far the group is.</summary>
    public long Committed { get; private set; }

    /// <summary>Pops that came while the queue was blocked.</summary>
    public int Refused { get; private set; }

    /// <summary>Messages that are neither done nor to be seen.</summary>
    public int Hidden => _offsets.Count(IsHidden);

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    public void Reset(long offset) => _reset = offset;

    /// <summary>It does not know any more what it gave: it cleans up once in a day, or is another master.</summary>
    public void Forgets() => (_offsets, _attempt, _hasForgotten) = ([], null, true);

    public PopResult? Pop(PopRequest request, IReadOnlyList<StoredMessage> stored)
    {
        if (_reset is { } reset)
        {
            (Committed, _reset, _offsets, _attempt) = (reset, null, [], null);
            _counts.Clear();
        }

        var isSame = _attempt is not null && _attempt == request.AttemptId;
        if (!isSame && Hidden > 0)
        {
            Refused++;
            return null;
        }

        var found = stored.Skip((int)Committed).Take(request.MaxMessages).ToArray();
        if (found.Length == 0)
        {
            return null;
        }

        CountAgain(isSame);
        _offsets = [.. found.Select(static message => message.QueueOffset)];
        (_attempt, _popTime, _hasForgotten) = (request.AttemptId, Now, false);
        _done.Clear();
        _visibleAt.Clear();
        Array.ForEach(_offsets, offset => _visibleAt[offset] = Now + (long)request.InvisibleTime.TotalMilliseconds);
        var offsets = new PopOffsets();
        offsets.Add(PopTopicKind.Normal, 0, _offsets[0], _offsets);
        foreach (var offset in _offsets.Where(_counts.ContainsKey))
        {
            offsets.AddCount(PopTopicKind.Normal, 0, offset, _counts[offset]);
        }

        return new PopResult(
            PopStatus.Found,
            _popTime,
            request.InvisibleTime,
            ReceiptHandle.OrderedReviveQueueId,
            0,
            found.SelectMany(message => message.Encode()).ToArray())
        {
            Topic = "orders",
            BrokerName = "broker-a",
            Offsets = offsets,
        };
    }

    /// <returns>Whether it counts.</returns>
    public bool Ack(ReceiptHandle handle)
    {
        if (_hasForgotten && handle.QueueOffset >= Committed)
        {
            Committed = handle.QueueOffset + 1;
            return true;
        }

        if (handle.QueueOffset < Committed || handle.PopTime != _popTime || !_offsets.Contains(handle.QueueOffset))
        {
            return false;
        }

        _done.Add(handle.QueueOffset);
        if (_reset is null)
        {
            Committed = _offsets.FirstOrDefault(offset => !_done.Contains(offset), _offsets[^1] + 1);
        }

        return true;
    }

    public ReceiptHandle? Change(ReceiptHandle handle, TimeSpan invisibleTime)
    {
        if (handle.QueueOffset < Committed)
        {
            return null;
        }

        if (handle.PopTime == _popTime)
        {
            _visibleAt[handle.QueueOffset] = Now + (long)invisibleTime.TotalMilliseconds;
        }

        return handle with { InvisibleTime = Now + (long)invisibleTime.TotalMilliseconds - handle.PopTime };
    }

    private bool IsHidden(long offset) => !_done.Contains(offset) && _visibleAt[offset] > Now;

    private void CountAgain(bool isSame)
    {
        if (!isSame)
        {
            foreach (var offset in _offsets)
            {
                _counts[offset] = _counts.GetValueOrDefault(offset) + 1;
            }
        }
    }
}
