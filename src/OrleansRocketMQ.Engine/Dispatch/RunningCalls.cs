using System.Runtime.InteropServices;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>
/// What listeners work on now in one queue, so that it can be told which has been at it for the longest time. A call takes no
/// memory: its place is used again. Thread-safe.
/// </summary>
internal sealed class RunningCalls(TimeProvider time)
{
    private const int None = -1;

    private readonly Lock _gate = new();
    private Call[] _calls = new Call[4];
    private int _used;
    private int _free = None;

    /// <summary>Messages go to a listener.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="share">Knows how far the listener is; null when nobody does.</param>
    /// <returns>To be disposed once, when the call has ended.</returns>
    public Running Begin(ArraySegment<MessageExt> messages, BatchClaim? share = null)
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            var place = _free;
            if (place == None)
            {
                place = _used++;
                if (place == _calls.Length)
                {
                    Array.Resize(ref _calls, 2 * place);
                }
            }
            else
            {
                _free = _calls[place].NextFree;
            }

            _calls[place] = new Call(messages, share, now, None);
            return new Running(this, place);
        }
    }

    /// <summary>The call that began first; null when there is none.</summary>
    public RunningMessage? Slowest()
    {
        Call first = default;
        lock (_gate)
        {
            foreach (var call in _calls)
            {
                if (call.Messages.Count > 0 && (first.Messages.Count == 0 || call.BeganAt < first.BeganAt))
                {
                    first = call;
                }
            }

            if (first.Messages.Count == 0)
            {
                return null;
            }

            // A call ends with its first batch that is slow, so its age is about that of the batch. While it is here, its messages
            // are not done and can be read, be they leased or not.
            var message = first.Messages[first.Share?.Begun ?? 0];
            return new RunningMessage(message.MessageId, message.QueueOffset, time.GetElapsedTime(first.BeganAt));
        }
    }

    private void End(int place)
    {
        lock (_gate)
        {
            _calls[place] = default(Call) with { NextFree = _free };
            _free = place;
        }
    }

    /// <summary>A call under way.</summary>
    internal readonly struct Running(RunningCalls calls, int place) : IDisposable
    {
        /// <summary>It has ended.</summary>
        public void Dispose() => calls.End(place);
    }

    /// <summary>Without messages: a place that is free.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Call(ArraySegment<MessageExt> Messages, BatchClaim? Share, long BeganAt, int NextFree);
}
