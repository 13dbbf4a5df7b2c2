using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Window;

/// <summary>What the window tells of how far it is, beyond its watermark.</summary>
internal sealed partial class ProcessQueue
{
    /// <summary>
    /// Whether anything at an offset or behind it may be done; false only when <see cref="Snapshot"/> would show nothing.
    /// </summary>
    public bool MayHaveDoneBeyond(long offset)
    {
        lock (_lock)
        {
            return _head != _tail || _pulledTo > offset || _before?.SeenTo > _pulledTo;
        }
    }

    /// <summary>What is done and what is not, for the window that takes the queue over.</summary>
    public AckSnapshot Snapshot()
    {
        lock (_lock)
        {
            // What was never handed out needs no mention: the next window pulls it like anything new. Only if this window
            // itself goes on after another, and is not through with what that one had seen, all of it must be told.
            var seenTo = _next < _tail ? At(_next).Message!.QueueOffset : _pulledTo;
            var inherited = _before?.SeenTo > seenTo ? _before : null;
            var unfinished = new List<long>();
            for (var slot = _head; slot < (inherited is null ? _next : _tail); slot++)
            {
                if (At(slot).Message is { } message)
                {
                    unfinished.Add(message.QueueOffset);
                }
            }

            if (inherited is not null)
            {
                seenTo = Math.Max(inherited.SeenTo, _pulledTo);
                unfinished.AddRange(inherited.Unfinished.Where(offset => offset >= _pulledTo));
            }

            return new AckSnapshot(WatermarkLocked, seenTo, [.. unfinished]);
        }
    }
}
