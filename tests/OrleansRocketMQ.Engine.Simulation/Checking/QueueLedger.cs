using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>
/// The checker's book of a queue: which message must be consumed, which was, and by whom. It knows nothing of the engine but
/// what goes in and out. A broken rule fails the run at once.
/// </summary>
internal sealed partial class QueueLedger(SimulatedQueue queue, SimulatedWorld world)
{
    public const string NothingLost = "no message is lost";
    public const string NoDuplicate = "no message comes again without a cause";
    public const string InOrder = "messages come in order";
    public const string OnlyWhenAllowed = "nothing is handed out while something speaks against it";
    public const string CommitsRise = "commits never fall but by a move";
    public const string NoResetLost = "what a broker demands once is stored before the queue ends";
    public const string ListenersAwaited = "a queue that ends in its time has waited for its listeners";
    public const string NotBeforeAsked = "a message does not come again before its listener wants it";
    public const string CommitAllowed = "nothing is committed without the lock or behind a closed fence";

    // Why a message comes again.
    public const string AnswerLost = "the listener's answer was lost";
    public const string TriedAgain = "failed, tried again by the same owner";
    public const string LockLost = "the lock was lost";
    public const string DroppedByMove = "dropped by a move before it was consumed";
    public const string InWorkWhenOvertaken = "a listener had it when it showed that another member had gone on";
    public const string NewOwner = "a new owner begins where the store says";
    public const string NotConsumed = "not consumed by the former owner";

    // Between the end of a listener and the moment in which its owner has noted it.
    private static readonly long Margin = TimeSpan.FromMilliseconds(10).Ticks;

    private readonly List<LedgerEntry> _entries = [];
    private readonly Dictionary<long, LedgerEntry> _byOffset = [];
    private readonly Dictionary<int, LedgerEntry> _lastOfKey = [];

    /// <summary>Whether all that must be consumed is.</summary>
    public bool IsThrough => !_entries.Exists(entry => entry.IsMissing);

    public void Sent(SimulatedMessage message)
    {
        var entry = new LedgerEntry(message, _entries.Count > 0 ? _entries[^1] : null, _lastOfKey.GetValueOrDefault(message.Key), Moves);
        _entries.Add(entry);
        _byOffset[message.Offset] = entry;
        _lastOfKey[message.Key] = entry;
    }

    /// <summary>The broker has dropped its oldest messages.</summary>
    public void Dropped()
    {
        foreach (var entry in _entries)
        {
            entry.IsRequired &= entry.Offset >= queue.Min || entry.IsDone;
        }
    }

    /// <summary>An owner begins somewhere.</summary>
    /// <param name="loop">The owner.</param>
    /// <param name="origin">Why there.</param>
    /// <param name="start">Where.</param>
    /// <param name="progress">What is done by what it knows.</param>
    /// <param name="former">The window that was handed over; null when none was.</param>
    /// <param name="hidesReset">Whether it goes by a record of before the last reset, which the storage did not let go of.</param>
    public WindowRecord Begins(
        IHandsOut loop, WindowOrigin origin, long start, AckSnapshot? progress = null, WindowRecord? former = null, bool hidesReset = false)
    {
        if (_pendingMove == start && origin is (WindowOrigin.Store or WindowOrigin.Overtaken))
        {
            MoveHolds(start);
        }

        // What the broker demands holds here even when the store does not take it; a new owner then does not know of it.
        var forgets = IsMovedSinceStored && origin == WindowOrigin.Store;
        foreach (var entry in _entries)
        {
            entry.IsRequired &= !forgets || entry.Offset >= start;
            if (hidesReset && entry.IsMissing && entry.Offset >= queue.Stored && progress?.IsDone(entry.Offset) is true)
            {
                entry.IsRequired = false;
                world.Coverage.Hidden++;
            }

            if (entry.IsMissing && (progress?.IsDone(entry.Offset) ?? entry.Offset < start))
            {
                Fail(NothingLost, $"{loop.Name} begins at {start} ({origin}), and {entry.Offset} is not consumed");
            }
        }

        return new WindowRecord(loop, origin, start, progress, former) { BeganAt = world.Time.Now };
    }

    /// <summary>
    /// A pull was answered, and its messages are in the window, without those that came along as done: what the subscription left
    /// out where the queue comes from stays left out.
    /// </summary>
    public void Pulled(WindowRecord window, long from, long next, IReadOnlyList<SimulatedMessage> messages)
    {
        var found = 0;
        for (var place = queue.PlaceOf(from); place < _entries.Count && _entries[place].Offset < next; place++)
        {
            var entry = _entries[place];
            while (found < messages.Count && messages[found].Offset < entry.Offset)
            {
                found++;
            }

            if (window.Progress?.IsDone(entry.Offset) is true)
            {
                continue;
            }

            entry.PulledAt = world.Time.Now;
            entry.IsRequired = found < messages.Count && messages[found].Offset == entry.Offset && IsWanted(entry);
        }
    }

    /// <summary>Other tags are wanted. What was answered a moment ago may be looked at with those.</summary>
    public void Subscribed()
    {
        foreach (var entry in _entries)
        {
            entry.IsRequired &= entry.PulledAt + Margin < world.Time.Now || IsWanted(entry);
        }
    }

    /// <summary>A message is about to be given to a listener.</summary>
    /// <param name="window">The window it is in.</param>
    /// <param name="message">The message.</param>
    /// <param name="batchFirst">The first offset of those that are given together, in order.</param>
    public Delivery HandOut(WindowRecord window, MessageExt message, long batchFirst)
    {
        var entry = _byOffset[message.QueueOffset];
        if (entry.Offset < window.Start || window.Progress?.IsDone(entry.Offset) is true)
        {
            Fail(NoDuplicate, $"{window.Loop.Name} hands {entry.Offset} out, which lies before its window or came along as done");
        }

        CheckDuplicate(entry, window);
        CheckOrder(entry, window, batchFirst);

        // An owner that comes back may know it by what it has written down.
        entry.IsDoneElsewhere |= entry is { IsDone: true, Last: { End: DeliveryEnd.Done } last } && last.Window != window;
        var delivery = new Delivery(entry, window, Moves);
        entry.Last = delivery;
        world.Scheduler.Note("hands out", window.Loop.Name, entry.Offset);
        return delivery;
    }

    /// <summary>A delivery has ended.</summary>
    public void Ended(Delivery delivery, DeliveryEnd end)
    {
        var entry = delivery.Entry;
        delivery.End = end;
        delivery.EndedAt = world.Time.Now;
        if (end is DeliveryEnd.Done or DeliveryEnd.Uncommitted or DeliveryEnd.Unheard)
        {
            // Another owner may have consumed it since.
            entry.ConsumedIn = entry.Last == delivery ? delivery.Window : entry.ConsumedIn;
        }
        else if (entry.ConsumedIn == delivery.Window && !entry.IsDone)
        {
            entry.ConsumedIn = null;
        }

        // What was in work when the queue was moved back must come again, and what was not committed if its owner dies.
        entry.IsDone |= (end is DeliveryEnd.Done or DeliveryEnd.Unheard) && delivery.Era >= entry.Era;
        entry.IsDone &= end != DeliveryEnd.Uncommitted || entry.Last != delivery || entry.IsDoneElsewhere;
        world.Scheduler.Note(end.ToString(), delivery.Window.Loop.Name, entry.Offset);
    }

    /// <summary>What a listener has consumed counts no more: of its batch all or nothing does, or it has rolled back.</summary>
    public void TakeBack(Delivery delivery)
    {
        var wasItsOwn = delivery.End != DeliveryEnd.Returned;
        Ended(delivery, DeliveryEnd.Returned);
        if (wasItsOwn && delivery.Entry.Last == delivery)
        {
            delivery.Entry.IsDone &= delivery.Entry.IsDoneElsewhere;
            delivery.Entry.ConsumedIn = null;
        }
    }

    /// <summary>Messages were consumed, and nobody has heard of it.</summary>
    public void Unheard(ArraySegment<MessageExt> messages)
    {
        foreach (var message in messages)
        {
            _byOffset[message.QueueOffset].Last!.End = DeliveryEnd.Unheard;
        }
    }

    /// <summary>The broker has a message that failed, or it is parked.</summary>
    /// <param name="offset">The message.</param>
    /// <param name="isHeard">Whether its owner knows.</param>
    public void SafelyElsewhere(long offset, bool isHeard)
    {
        var entry = _byOffset[offset];
        if (entry.Last is not { } last)
        {
            // Of a run that took too long those go back, too, that nobody has begun.
            entry.IsDone = true;
            return;
        }

        if (last.Era < entry.Era)
        {
            return;
        }

        entry.IsDone = true;
        entry.ConsumedIn = last.Window;
        if (isHeard && last.End == DeliveryEnd.Returned)
        {
            last.End = DeliveryEnd.Done;
            last.EndedAt = world.Time.Now;
        }
    }

    /// <summary>A queue has ended at an owner, which has given up nothing that was in work.</summary>
    public void Left(IHandsOut loop)
    {
        if (_entries.Find(entry => entry.Last is { End: DeliveryEnd.InWork } last && ReferenceEquals(last.Window.Loop, loop)) is { } inWork)
        {
            Fail(ListenersAwaited, $"{loop.Name} has ended, and a listener has {inWork.Offset}");
        }
    }

    /// <summary>
    /// The first message that is in a window and was not given to a listener from there; null when there is none, or one before it
    /// has not come to its end.
    /// </summary>
    public LedgerEntry? FirstWaiting(WindowRecord window)
    {
        for (var place = queue.PlaceOf(window.Start); place < _entries.Count && _entries[place].PulledAt >= window.BeganAt; place++)
        {
            var entry = _entries[place];
            if (entry.Last?.Window == window && entry.Last.End != DeliveryEnd.Done)
            {
                return null;
            }

            if (entry.IsMissing && entry.Last?.Window != window && window.Progress?.IsDone(entry.Offset) is not true)
            {
                return entry;
            }
        }

        return null;
    }

    /// <summary>The messages of an origin that have failed and come to a copy.</summary>
    public IEnumerable<(int Queue, SimulatedMessage Message)> Failed(int origin)
        => _entries.Where(entry => entry.Message.Origin == origin && entry.Last is { End: DeliveryEnd.Returned })
            .Select(entry => (queue.Index, entry.Message));

    /// <summary>An owner tells the store how far it is.</summary>
    public void Commits(IHandsOut loop, long offset)
    {
        if (_entries.Find(entry => entry.Offset < offset && entry.IsMissing) is { } missing)
        {
            Fail(NothingLost, $"{loop.Name} commits {offset}, and {missing.Offset} is not consumed");
        }

        world.Scheduler.Note("commits", loop.Name, offset);
    }

    /// <summary>Another member of the group consumes a few messages from where the store says.</summary>
    public void OtherMember(int messages)
    {
        var from = Math.Max(queue.Stored ?? 0, queue.Min);
        if (_pendingMove == queue.Stored && _pendingMove is { } move)
        {
            MoveHoldsUnheard(move);
        }

        // Where the store does not know of a move, the other member does not, either.
        foreach (var entry in _entries)
        {
            entry.IsRequired &= !IsMovedSinceStored || entry.Offset >= from;
        }

        var place = queue.PlaceOf(from);
        var end = Math.Min(place + messages, _entries.Count);
        for (; place < end; place++)
        {
            _entries[place].IsDone = _entries[place].IsDoneElsewhere = true;
        }

        if (end > 0 && _entries[end - 1].Offset >= from)
        {
            queue.Store(_entries[end - 1].Offset + 1, isMove: false);
            Stored(queue.Stored!.Value, isMove: false);
            world.Scheduler.Note("other member at", queue.Name, queue.Stored.Value);
        }
    }

    /// <summary>The run is over: all that must be consumed is, and the store knows.</summary>
    public void CheckEnd()
    {
        if (_entries.Find(entry => entry.IsMissing) is { } missing)
        {
            Fail(NothingLost, $"at the end {missing.Offset} of {queue.Name} is not consumed");
        }

        if (_entries.Count > 0 && queue.Stored != queue.Max)
        {
            Fail(NothingLost, $"at the end the store has {queue.Stored} for {queue.Name}, which ends at {queue.Max}");
        }
    }

    /// <summary>The first message that is missing, for whoever tells why a run does not end.</summary>
    public string Missing() => _entries.Find(entry => entry.IsMissing) is { } missing ? $"{missing.Offset}" : "none";

    public void Fail(string rule, string detail)
    {
        var failure = new SimulationException(rule, detail);
        world.Scheduler.Fail(failure);
        throw failure;
    }

    private void CheckDuplicate(LedgerEntry entry, WindowRecord window)
    {
        if (entry.Last is not { } last || last.Era < entry.Era)
        {
            return;
        }

        if (last.Window == window)
        {
            var mayComeAgain = last.End is DeliveryEnd.Returned or DeliveryEnd.Unheard || last.Behind is { IsOpen: true };
            Require(mayComeAgain, entry, window, $"which its own window has given out already ({last.End})");
            if (world.Time.Now < last.NotBefore)
            {
                Fail(NotBeforeAsked, $"{window.Loop.Name} hands {entry.Offset} out before {TimeSpan.FromTicks(last.NotBefore)}");
            }

            world.Coverage.Duplicate(last.End == DeliveryEnd.Unheard ? AnswerLost : TriedAgain);
        }
        else if (ReferenceEquals(last.Window.Loop, window.Loop))
        {
            var isAnew = window.Origin == WindowOrigin.Store;
            Require(last.End != DeliveryEnd.InWork || isAnew, entry, window, "which is in work in its former window");

            // Behind a closed fence the result of a call does not count, and where failed messages stay a move waits for no listener.
            var wasOvertaken = window.Origin == WindowOrigin.Overtaken && last.End == DeliveryEnd.Done && last.EndedAt >= window.BeganAt;
            var mayCome = !entry.IsDone || last.End is DeliveryEnd.Unheard or DeliveryEnd.Returned || isAnew || wasOvertaken;
            Require(mayCome, entry, window, "which it has consumed");
            world.Coverage.Duplicate(isAnew ? LockLost : wasOvertaken ? InWorkWhenOvertaken : DroppedByMove);
        }
        else
        {
            var wasHandedOver = last.Window == window.Former
                && last.End == DeliveryEnd.Done && last.EndedAt + Margin <= window.Former.TakenAt && last.Behind is not { IsOpen: true };
            Require(!wasHandedOver, entry, window, "which was consumed before it was handed over");
            world.Coverage.Duplicate(window.Origin == WindowOrigin.Store ? NewOwner : NotConsumed);
        }
    }

    private void CheckOrder(LedgerEntry entry, WindowRecord window, long batchFirst)
    {
        if (world.Setup.Mode == Mode.Concurrent)
        {
            return;
        }

        for (var before = Before(entry); before is not null && before.Offset >= window.Start; before = Before(before))
        {
            if (!before.IsRequired || window.Progress?.IsDone(before.Offset) is true)
            {
                continue;
            }

            var isOpen = before.Last?.Behind is { IsOpen: true, Entry.IsDone: false };
            if (before.Offset < batchFirst && (before.ConsumedIn != window || isOpen))
            {
                Fail(InOrder, $"{window.Loop.Name} hands {entry.Offset} out before {before.Offset} is consumed");
            }

            return;
        }
    }

    // What comes again has been wanted before.
    private bool IsWanted(LedgerEntry entry) => entry.Message.Attempts > 0 || (world.WantedTag ?? entry.Message.Tag) == entry.Message.Tag;

    private LedgerEntry? Before(LedgerEntry entry)
        => world.Setup is { Mode: Mode.Orderly, Parks: false } ? entry.Previous : entry.PreviousOfKey;

    private void Require(bool holds, LedgerEntry entry, WindowRecord window, string detail)
    {
        if (!holds)
        {
            Fail(NoDuplicate, $"{window.Loop.Name} hands {entry.Offset} out, {detail}");
        }
    }
}
