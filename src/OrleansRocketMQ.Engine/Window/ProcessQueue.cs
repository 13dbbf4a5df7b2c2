using System.Runtime.InteropServices;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Window;

/// <summary>
/// The window of a queue between what has been pulled and what is done, and the only book of which message is where: keeps
/// messages in order, leases each to one owner at a time, takes ends in any order, and knows the low watermark, the offset
/// below which everything is done. Every step costs O(1) per message. Thread-safe. Mirrors <c>ProcessQueue</c>, without its
/// tree and its scans.
/// </summary>
/// <remarks>
/// Messages get consecutive slots in a ring when they are added. Slots, not offsets, are counted, because a queue's offsets
/// have gaps where the broker or a tag filter left messages out. A message waits until it is leased, or set aside for a
/// dispatcher that sorts; a lease ends once: done, returned, or set aside. A second end is a fault that stops the queue.
/// </remarks>
internal sealed partial class ProcessQueue
{
    private readonly Lock _lock = new();
    private readonly QueueQuotaUsage? _holdings;
    private readonly AckSnapshot? _before;
    private readonly Queue<ProcessQueueRange> _returned = new();
    private DispatchGate? _gate;
    private WindowState _state;
    private Slot[] _ring = new Slot[64];
    private long _head;
    private long _next;
    private long _tail;
    private long _bytes;
    private long _pulledTo;
    private long _lastOffset;
    private int _done;
    private int _leased;
    private int _returnedMessages;
    private int _leasable;

    /// <summary>An empty window whose watermark is <paramref name="startOffset"/>.</summary>
    /// <param name="startOffset">The first offset to be added.</param>
    /// <param name="holdings">Is told what the window holds, for the budgets shared with other queues.</param>
    public ProcessQueue(long startOffset, QueueQuotaUsage? holdings = null)
    {
        _holdings = holdings;
        _pulledTo = startOffset;
        _lastOffset = startOffset - 1;
    }

    /// <summary>An empty window that goes on where another one of the same queue was; what that one had done is left out.</summary>
    public ProcessQueue(AckSnapshot before, QueueQuotaUsage? holdings = null)
        : this(before.Watermark, holdings) => _before = before;

    /// <summary>Messages added and not done.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return (int)(_tail - _head) - _done;
            }
        }
    }

    /// <summary>Bytes of bodies of messages added and not done.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Messages leased: a listener has them, or their result is being dealt with.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock)
            {
                return _leased;
            }
        }
    }

    /// <summary>
    /// Messages that may be leased as far as the window knows: never leased, or returned. Those set aside are their
    /// dispatcher's. Takes no lock.
    /// </summary>
    public int Waiting => Volatile.Read(ref _leasable);

    /// <summary>Whether the window's time is neither over nor interrupted.</summary>
    public bool IsOpen
    {
        get
        {
            lock (_lock)
            {
                return _state == WindowState.Open;
            }
        }
    }

    /// <summary>The offset below which everything is done: what may be committed.</summary>
    public long Watermark
    {
        get
        {
            lock (_lock)
            {
                return WatermarkLocked;
            }
        }
    }

    /// <summary>The lowest offset of a message that is not done; -1 when there is none.</summary>
    public long MinOffset
    {
        get
        {
            lock (_lock)
            {
                return _head == _tail ? -1 : At(_head).Message!.QueueOffset;
            }
        }
    }

    /// <summary>The highest offset of a message that is not done; -1 when there is none.</summary>
    public long MaxOffset
    {
        get
        {
            lock (_lock)
            {
                var slot = _tail - 1;
                while (slot >= _head && At(slot).Message is null)
                {
                    slot--;
                }

                return slot < _head ? -1 : At(slot).Message!.QueueOffset;
            }
        }
    }

    /// <summary>How far the newest message is ahead of the oldest that is not done, in offsets.</summary>
    public long Span
    {
        get
        {
            lock (_lock)
            {
                return _head == _tail ? 0 : _lastOffset - At(_head).Message!.QueueOffset;
            }
        }
    }

    private long WatermarkLocked => _head == _tail ? _pulledTo : At(_head).Message!.QueueOffset;

    /// <summary>
    /// Whether the message at an offset has been added and is not done. Looks at every message: for questions, not for the
    /// way of messages.
    /// </summary>
    public bool Contains(long offset)
    {
        lock (_lock)
        {
            for (var slot = _head; slot < _tail; slot++)
            {
                if (At(slot).Message?.QueueOffset == offset)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Whether the message of a slot that was leased still is.</summary>
    public bool IsLeased(long slot)
    {
        lock (_lock)
        {
            return slot >= _head && slot < _next && At(slot).State == SlotState.Leased;
        }
    }

    /// <summary>Adds what a pull brought, in order; offsets already seen are left out.</summary>
    /// <param name="messages">The messages wanted, those filtered out already removed.</param>
    /// <param name="pulledTo">Where the next pull begins; the watermark once everything is done.</param>
    /// <returns>How many were added.</returns>
    public int Add(List<MessageExt> messages, long pulledTo)
    {
        lock (_lock)
        {
            var added = 0;
            var bytes = 0L;
            var held = 0L;
            PullBuffer? pull = null;
            PullBuffer? batch = null;
            foreach (var message in messages)
            {
                var offset = message.QueueOffset;
                if (_ledger is null && (offset <= _lastOffset || _before?.IsDone(offset) is true))
                {
                    continue;
                }

                if (_tail - _head == _ring.Length)
                {
                    Grow();
                }

                // The messages of a pull are views of the same bytes, which stay until the last of them is done. So do those of a
                // batch that was decompressed.
                pull = PullBuffer.Of(message.Buffer, pull, within: null, message.Pooled, ref held);
                held += message.BytesBesideBuffer(out var decompressed);
                batch = decompressed is null ? null : PullBuffer.Of(decompressed, batch, pull, pooled: null, ref held);
                var buffer = batch ?? pull;
                buffer.Messages++;
                At(_tail++) = new Slot(message, buffer, SlotState.Waiting);
                _lastOffset = offset;
                bytes += message.BodyLength;
                added++;
            }

            _pulledTo = Math.Max(_pulledTo, pulledTo);
            Interlocked.Add(ref _bytes, bytes);
            NoteArrival(added);
            CountLeasable();
            _holdings?.Add(added, bytes, held);
            return added;
        }
    }

    /// <summary>
    /// Forgets the messages that were never handed out; the window ends before them, as if they had not been pulled. With a ledger
    /// also those that were handed out and returned: what nobody works on others may have.
    /// </summary>
    /// <param name="skips">Whether that is because the queue is to go on elsewhere; of interest to a ledger.</param>
    public void DropWaiting(bool skips = false)
    {
        var ended = default(Amount);
        lock (_lock)
        {
            if (_next < _tail)
            {
                _pulledTo = At(_next).Message!.QueueOffset;
                _lastOffset = _pulledTo - 1;
                for (var slot = _next; slot < _tail; slot++)
                {
                    ended += Drop(slot, skips);
                }

                _tail = _next;
            }

            if (_ledger is not null)
            {
                ended += DropIdle(skips);
            }

            SortAnew();
            CountLeasable();
        }

        GiveBack(ended);
    }

    private ref Slot At(long slot) => ref _ring[slot & (_ring.Length - 1)];

    private void Grow()
    {
        var larger = new Slot[_ring.Length * 2];
        for (var slot = _head; slot < _tail; slot++)
        {
            larger[slot & (larger.Length - 1)] = At(slot);
        }

        _ring = larger;
    }

    /// <summary>A message is no more the window's.</summary>
    private Amount Free(long slot)
    {
        ref var place = ref At(slot);
        var message = place.Message!;
        var held = (long)message.BytesBesideBuffer(out _);
        var bytes = message.BodyLength;
        for (var buffer = place.Buffer; buffer is not null && --buffer.Messages == 0; buffer = buffer.Within)
        {
            held += buffer.Length;
            buffer.GiveBack();
        }

        place = default;
        return new Amount(1, bytes, held);
    }

    private void GiveBack(in Amount ended)
    {
        if (ended.Messages > 0)
        {
            Interlocked.Add(ref _bytes, -ended.Bytes);
            _holdings?.Remove(ended.Messages, ended.Bytes, ended.Held);
        }
    }

    /// <summary>Whether messages may be leased.</summary>
    private enum WindowState
    {
        /// <summary>They may.</summary>
        Open,

        /// <summary>Not until the next window begins.</summary>
        Held,

        /// <summary>Never again; the queue stops.</summary>
        Closed,

        /// <summary>Never again; another window has taken its place, and only what is leased is still in it.</summary>
        Retired,
    }

    /// <summary>Where a message is.</summary>
    private enum SlotState : byte
    {
        /// <summary>It is done; the slot is empty.</summary>
        Done,

        /// <summary>It was never leased.</summary>
        Waiting,

        /// <summary>Somebody works on it.</summary>
        Leased,

        /// <summary>A dispatcher that sorts has it in its own order, and nobody works on it.</summary>
        SetAside,

        /// <summary>It was leased, and waits for the next lease.</summary>
        Returned,
    }

    [StructLayout(LayoutKind.Auto)]
    private record struct Slot(MessageExt? Message, PullBuffer? Buffer, SlotState State);

    /// <summary>The bytes that the messages of one pull share, or those of one batch within it.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="within">The pull of a batch.</param>
    /// <param name="pooled">Whose they are, where they go back to a pool.</param>
    private sealed class PullBuffer(byte[] bytes, PullBuffer? within, PooledBody? pooled)
    {
        public int Length => bytes.Length;

        /// <summary>The pull of a batch, which stays as long as the batch does.</summary>
        public PullBuffer? Within => within;

        /// <summary>How many of them are not done; batches count as one.</summary>
        public int Messages { get; set; }

        /// <summary>The last one, when it is that of these bytes, or else a new one, which is held from now on.</summary>
        public static PullBuffer Of(byte[] bytes, PullBuffer? last, PullBuffer? within, PooledBody? pooled, ref long held)
            => last?.Holds(bytes) is true ? last : Hold(bytes, within, pooled, ref held);

        /// <summary>The last of its messages is done.</summary>
        public void GiveBack() => pooled?.Release();

        private static PullBuffer Hold(byte[] bytes, PullBuffer? within, PooledBody? pooled, ref long held)
        {
            within?.Messages += 1;
            held += bytes.Length;
            Invariant.Holds(pooled?.TryHold() != false, "a pull is held while it is added");
            return new PullBuffer(bytes, within, pooled);
        }

        private bool Holds(byte[] other) => ReferenceEquals(bytes, other);
    }

    /// <summary>What some messages were of the queue's quotas.</summary>
    private readonly record struct Amount(int Messages, long Bytes, long Held)
    {
        public static Amount operator +(in Amount left, in Amount right)
            => new(left.Messages + right.Messages, left.Bytes + right.Bytes, left.Held + right.Held);
    }
}
