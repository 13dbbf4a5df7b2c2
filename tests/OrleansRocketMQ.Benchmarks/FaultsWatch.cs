using System.Buffers.Binary;
using System.Diagnostics;
using Orleans.Concurrency;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <param name="PerSecond">Messages of the two healthy brokers that were sent and reached a listener within the time.</param>
/// <param name="SendP99">Of sends to them, milliseconds.</param>
/// <param name="DeliveryP99">From the call of the producer to that of the listener, milliseconds.</param>
/// <param name="Missing">Messages to them that were not stored, or reached no listener, long after the time was over.</param>
/// <param name="StartSeconds">From the start of a silo to the first message of the last of their queues.</param>
internal readonly record struct FaultFigures(double PerSecond, double SendP99, double DeliveryP99, int Missing, double StartSeconds)
{
    public override string ToString() => FormattableString.Invariant(
        $"{PerSecond:0} msg/s, p99 of sends {SendP99:0.0} ms, to listeners {DeliveryP99:0.0} ms, start of a silo {StartSeconds:0.00} s{(Missing > 0 ? $", {Missing} missing" : string.Empty)}");
}

/// <summary>What was sent to the healthy brokers, and delivered, of all that was begun within a time.</summary>
internal sealed class FaultsWatch
{
    public const int BodyLength = 1024;
    private const int Uncounted = -1;

    private readonly Lock _gate = new();
    private readonly List<double> _sends = [];
    private readonly List<double> _deliveries = [];
    private readonly HashSet<int> _seenQueues = [];
    private long _begin = long.MaxValue;
    private long _end = long.MaxValue;
    private int _begun;
    private int _within;
    private TaskCompletionSource? _queuesSeen;
    private int _queuesWanted;

    /// <summary>Whether all that was begun has arrived.</summary>
    public bool IsComplete
    {
        get
        {
            lock (_gate)
            {
                return _sends.Count == _begun && _deliveries.Count >= _begun;
            }
        }
    }

    public void Begin()
    {
        lock (_gate)
        {
            _begin = Stopwatch.GetTimestamp();
        }
    }

    public void End()
    {
        lock (_gate)
        {
            _end = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>A message is about to be sent.</summary>
    /// <param name="queue">A number of the queue; null for one of the faulty broker, which is not counted.</param>
    public byte[] Body(int? queue, out long begun)
    {
        var body = new byte[BodyLength];
        begun = Stopwatch.GetTimestamp();
        BinaryPrimitives.WriteInt64LittleEndian(body, begun);
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(8), queue ?? Uncounted);
        lock (_gate)
        {
            _begun += queue is not null && IsWithin(begun) ? 1 : 0;
        }

        return body;
    }

    public void Sent(long begun)
    {
        lock (_gate)
        {
            if (IsWithin(begun))
            {
                _sends.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
        }
    }

    public void Delivered(ReadOnlySpan<byte> body)
    {
        var now = Stopwatch.GetTimestamp();
        var begun = BinaryPrimitives.ReadInt64LittleEndian(body);
        var queue = BinaryPrimitives.ReadInt32LittleEndian(body[8..]);
        if (queue == Uncounted)
        {
            return;
        }

        lock (_gate)
        {
            if (_queuesSeen is not null && _seenQueues.Add(queue) && _seenQueues.Count == _queuesWanted)
            {
                _queuesSeen.TrySetResult();
            }

            if (IsWithin(begun))
            {
                _deliveries.Add(Stopwatch.GetElapsedTime(begun, now).TotalMilliseconds);
                _within += now < _end ? 1 : 0;
            }
        }
    }

    /// <summary>Ends when a message of so many queues has come from now on.</summary>
    public Task WhenQueuesSeen(int queues)
    {
        lock (_gate)
        {
            _seenQueues.Clear();
            _queuesWanted = queues;
            _queuesSeen = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _queuesSeen.Task;
        }
    }

    public FaultFigures Figures(double startSeconds)
    {
        lock (_gate)
        {
            return new(
                _within / Stopwatch.GetElapsedTime(_begin, _end).TotalSeconds,
                At99(_sends),
                At99(_deliveries),
                Math.Max(_begun - _sends.Count, _begun - _deliveries.Count),
                startSeconds);
        }
    }

    private bool IsWithin(long begun) => begun >= _begin && begun < _end;

    private static double At99(List<double> values)
    {
        values.Sort();
        return values.Count == 0 ? double.PositiveInfinity : values[(int)(values.Count * 0.99)];
    }
}

[StatelessWorker]
internal sealed class FaultsListener(FaultsWatch watch) : Grain, IConcurrentListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            watch.Delivered(message.Body.Span);
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}
