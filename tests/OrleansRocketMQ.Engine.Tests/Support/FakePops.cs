using System.Net;
using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>
/// A topic at a broker that hands out its messages one by one, and those again that it does not hear of in time: under new
/// offsets of a retry topic, each with one failure more.
/// </summary>
internal sealed class FakePops(TimeProvider time)
{
    private readonly Queue<StoredMessage> _waiting = new();
    private readonly Dictionary<ReceiptHandle, (StoredMessage Message, long VisibleAt)> _hidden = [];
    private readonly List<StoredMessage> _all = [];
    private long _stored;
    private long _revived;

    /// <summary>The bodies of messages that were acknowledged in time, in order.</summary>
    public List<int> Acknowledged { get; } = [];

    /// <summary>Handles that were told of and are none of a message that is hidden.</summary>
    public List<ReceiptHandle> Stale { get; } = [];

    /// <summary>Changes of invisible times that counted: the message, and the new time.</summary>
    public List<(int Message, TimeSpan Time)> Changed { get; } = [];

    public List<PopRequest> Requests { get; } = [];

    /// <summary>What it gives those who pop in order.</summary>
    public FakePopOrder Order { get; } = new(time);

    /// <summary>Whether the next pop gives messages in order of which nobody hears.</summary>
    public bool LosesNextAnswer { get; set; }

    /// <summary>Messages that are in nobody's hands.</summary>
    public int Waiting
    {
        get
        {
            Revive();
            return _waiting.Count;
        }
    }

    /// <summary>Messages that somebody has.</summary>
    public int Hidden
    {
        get
        {
            Revive();
            return _hidden.Count + Order.Hidden;
        }
    }

    /// <summary>Messages come; the body of each is its number.</summary>
    public void Store(int count, string properties = "", int reconsumeTimes = 0)
    {
        for (; count > 0; count--)
        {
            _all.Add(New("orders", _stored, (int)_stored, reconsumeTimes, properties));
            _waiting.Enqueue(_all[^1]);
            _stored++;
        }
    }

    /// <summary>Messages come that are one to the broker; the body of each is its number.</summary>
    public void StoreBatch(params int[] numbers)
    {
        _all.Add(New(
            "orders",
            _stored,
            MessageBatchCodec.Encode(numbers.Select(static number => new Message("orders", BitConverter.GetBytes(number)))),
            0,
            sysFlag: MessageSysFlag.InnerBatch | MessageSysFlag.NeedUnwrap));
        _waiting.Enqueue(_all[^1]);
        _stored++;
    }

    /// <summary>The topic goes on at an offset: what lies behind it comes, be it once more, and what lies before it does not.</summary>
    public void Reset(long offset)
    {
        Order.Reset(offset);
        var retries = _waiting.Where(static message => ReceiptHandle.KindOf(message.Topic) != PopTopicKind.Normal).ToArray();
        _waiting.Clear();
        foreach (var message in retries.Concat(_all.Where(message => message.QueueOffset >= offset)))
        {
            _waiting.Enqueue(message);
        }
    }

    public async Task<PopResult> PopAsync(PopRequest request, CancellationToken cancellationToken)
    {
        Requests.Add(request);
        if (request.Ordered)
        {
            return await PopInOrderAsync(request, cancellationToken);
        }

        var asked = time.GetTimestamp();
        while (Waiting == 0)
        {
            if (time.GetElapsedTime(asked) >= request.PollTime)
            {
                return new PopResult(PopStatus.NotFound, 0, TimeSpan.Zero, 0, 0, default);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }

        var kind = ReceiptHandle.KindOf(_waiting.Peek().Topic);
        var popped = new List<StoredMessage>();
        while (popped.Count < request.MaxMessages && _waiting.TryPeek(out var next) && ReceiptHandle.KindOf(next.Topic) == kind)
        {
            popped.Add(_waiting.Dequeue());
        }

        var popTime = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var message in popped)
        {
            _hidden[new ReceiptHandle(
                popped[0].QueueOffset, popTime, (long)request.InvisibleTime.TotalMilliseconds, 0, kind, "broker-a", 0, message.QueueOffset)]
                = (message, popTime + (long)request.InvisibleTime.TotalMilliseconds);
        }

        return new PopResult(
            PopStatus.Found, popTime, request.InvisibleTime, 0, _waiting.Count, popped.SelectMany(message => message.Encode()).ToArray())
        {
            Topic = "orders",
            BrokerName = "broker-a",
        };
    }

    public void Ack(IEnumerable<ReceiptHandle> handles)
    {
        Revive();
        foreach (var handle in handles)
        {
            if (handle.IsOrdered && Order.Ack(handle))
            {
                Acknowledged.Add((int)handle.QueueOffset);
            }
            else if (_hidden.Remove(handle, out var hidden))
            {
                Acknowledged.Add(BitConverter.ToInt32(hidden.Message.Body.Span));
            }
            else
            {
                Stale.Add(handle);
            }
        }
    }

    public ReceiptHandle? Change(ReceiptHandle handle, TimeSpan invisibleTime)
    {
        Revive();
        if (handle.IsOrdered)
        {
            Changed.Add(((int)handle.QueueOffset, invisibleTime));
            return Order.Change(handle, invisibleTime);
        }

        if (!_hidden.Remove(handle, out var hidden))
        {
            Stale.Add(handle);
            return null;
        }

        Changed.Add((BitConverter.ToInt32(hidden.Message.Body.Span), invisibleTime));
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var next = handle with { PopTime = now, InvisibleTime = (long)invisibleTime.TotalMilliseconds, ReviveQueueId = handle.ReviveQueueId + 1 };
        _hidden[next] = (hidden.Message, now + (long)invisibleTime.TotalMilliseconds);
        return next;
    }

    private async Task<PopResult> PopInOrderAsync(PopRequest request, CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        while (Order.Pop(request, _all) is var popped)
        {
            if (popped is { } found)
            {
                var isLost = LosesNextAnswer;
                LosesNextAnswer = false;
                return isLost ? throw new RocketMQNetworkException("The connection is gone.") : found;
            }

            if (time.GetElapsedTime(asked) >= request.PollTime)
            {
                break;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }

        return new PopResult(PopStatus.NotFound, 0, TimeSpan.Zero, 0, 0, default);
    }

    private static StoredMessage New(string topic, long offset, int number, int reconsumeTimes, string properties = "")
        => New(topic, offset, BitConverter.GetBytes(number), reconsumeTimes, properties);

    private static StoredMessage New(
        string topic, long offset, ReadOnlyMemory<byte> body, int reconsumeTimes, string properties = "", int sysFlag = 0) => new()
    {
        Topic = topic,
        QueueOffset = offset,
        CommitLogOffset = offset * 1000,
        Body = body,
        SysFlag = sysFlag,
        Properties = properties,
        ReconsumeTimes = reconsumeTimes,
        BornHost = new IPEndPoint(IPAddress.Loopback, 1),
        StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
    };

    private void Revive()
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var (handle, (message, _)) in _hidden.Where(hidden => hidden.Value.VisibleAt <= now).ToArray())
        {
            _hidden.Remove(handle);
            _waiting.Enqueue(New(
                "%RETRY%g_orders", _revived++, message.Body, message.ReconsumeTimes + 1, message.Properties, message.SysFlag));
        }
    }
}
