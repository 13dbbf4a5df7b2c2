using System.Buffers;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Connections;

/// <summary>Pulls, of which a consumer sends more than of everything else: their completions are used again.</summary>
public sealed partial class RemotingConnection
{
    private volatile bool _hasPulled;

    /// <summary>What has been received and taken so far, in steps.</summary>
    internal (long Reads, long Progress) Traffic => (Volatile.Read(ref _reads), _sender.Progress);

    /// <summary>Sends a pull; whatever becomes of it, it tells.</summary>
    /// <returns>False when there is no room in the buffer: it was not sent and nothing will come of it.</returns>
    internal bool TryPull<TFrame>(PendingPull pull, in TFrame frame, TimeSpan timeout, CancellationToken cancellationToken)
        where TFrame : struct, IFrame
    {
        _hasPulled = true;
        var opaque = Interlocked.Increment(ref _nextOpaque);
        var counts = timeout <= _options.RequestTimeout;
        pull.Begin(this, opaque, frame.Code, _time.GetTimestamp(), timeout, counts, cancellationToken.CanBeCanceled);
        if (counts && Interlocked.Increment(ref _waiting) == 1)
        {
            Volatile.Write(ref _waitingSince, pull.StartedAt);
        }

        Expect(opaque, pull);
        pull.Watch(cancellationToken);
        Exception failure;
        try
        {
            // Nothing of it may be touched once it is sent: it may be waiting for another answer already.
            if (!_closed.Task.IsCompleted)
            {
                return _sender.TrySend(in frame, opaque) || !TryTake(opaque, pull);
            }

            failure = NotConnected();
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        if (TryTake(opaque, pull))
        {
            pull.TrySetException(failure);
        }

        return true;
    }

    /// <summary>Takes a request out of those that wait. Who got true has to end it; to all others it is gone.</summary>
    internal bool TryTake(int opaque, IPendingRequest pending)
    {
        if (!_pending.TryRemove(new(opaque, pending)))
        {
            return false;
        }

        Taken(pending);
        return true;
    }

    /// <summary>Takes the next frame when it is the answer to a pull that waits, and a plain one; else it is one like any other.</summary>
    private bool TryTakePullAnswer(ref ReadOnlySequence<byte> buffer)
    {
        if (!FrameReader.TryReadPullAnswer(in buffer, _options.MaxFrameLength, out var header, out var body)
            || !_pending.TryGetValue(header.Opaque, out var pending)
            || pending is not PendingPull pull
            || !pull.Understands(in header))
        {
            return false;
        }

        buffer = buffer.Slice(body.End);
        if (TryTake(header.Opaque, pull))
        {
            var bytes = pull.TakesPooled && !body.IsEmpty
                ? PooledBody.Copy(in body, _options.BodyPool).Memory
                : FrameReader.OwnBody(in body);
            pull.SetAnswer(in header, bytes);
        }

        return true;
    }

    private bool TryTake(int opaque, out IPendingRequest? pending)
    {
        if (!_pending.TryRemove(opaque, out pending))
        {
            return false;
        }

        Taken(pending);
        return true;
    }

    private void Taken(IPendingRequest pending)
    {
        if (pending is not PendingPull pull)
        {
            return;
        }

        pull.Taken();
        if (pull.Counts)
        {
            Interlocked.Decrement(ref _waiting);
        }
    }
}
