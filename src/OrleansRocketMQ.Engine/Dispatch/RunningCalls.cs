using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>
/// What listeners work on now in one queue, so that it can be told which has been at it for the longest time. Thread-safe.
/// </summary>
internal sealed class RunningCalls(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly HashSet<RunningCall> _calls = [];

    /// <summary>Messages go to a listener.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="share">Knows how far the listener is; null when nobody does.</param>
    /// <returns>To be disposed when the call has ended.</returns>
    public IDisposable Begin(ArraySegment<MessageExt> messages, BatchClaim? share = null)
    {
        var call = new RunningCall(this, messages, share, time.GetTimestamp());
        lock (_gate)
        {
            _calls.Add(call);
        }

        return call;
    }

    /// <summary>The call that began first; null when there is none.</summary>
    public RunningMessage? Slowest()
    {
        RunningCall? first = null;
        lock (_gate)
        {
            foreach (var call in _calls)
            {
                if (first is null || call.BeganAt < first.BeganAt)
                {
                    first = call;
                }
            }
        }

        return first is null
            ? null
            : new RunningMessage(first.Message.MessageId, first.Message.QueueOffset, time.GetElapsedTime(first.BeganAt));
    }

    private void End(RunningCall call)
    {
        lock (_gate)
        {
            _calls.Remove(call);
        }
    }

    private sealed class RunningCall(RunningCalls owner, ArraySegment<MessageExt> messages, BatchClaim? share, long beganAt) : IDisposable
    {
        // A call ends with its first batch that is slow, so its age is about that of the batch.
        public long BeganAt => beganAt;

        public MessageExt Message => messages[share?.Begun ?? 0];

        public void Dispose() => owner.End(this);
    }
}
