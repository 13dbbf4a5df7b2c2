using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>One queue at one member: the engine's pump, and what the run and the checker ask of it.</summary>
internal sealed class MemberQueue : IHandsOut
{
    private readonly SimulatedWorld _world;
    private readonly HandedOver? _before;
    private long _told = -1;
    private int _closings;
    private int _looked;
    private int _storesSince = -1;
    private Task? _stopping;
    private bool _hasBegun;
    private long? _demanded;

    public MemberQueue(SimulatedWorld world, Member member, SimulatedQueue queue, HandedOver? before)
    {
        _world = world;
        _before = before;
        Member = member;
        Queue = queue;
        Name = $"{member.Owner.Name} {queue.Name}";
        Pump = new QueuePump(
            queue.Id, member.Environment, before is null ? null : new QueueArrival(before.Progress, before.HasCheckpoint, 0, before.HasUnstoredReset), NullLogger.Instance);
        Window = new WindowRecord(this, WindowOrigin.Store, 0, null, null);
        Watch = new QueueWatch(world, this);
        Bodies = new BodyPool(Name, world.Scheduler);
        Pump.Runs.Restarted += OnRestarted;
        member.Add(this);
        world.Owners.Add(this);
    }

    public string Name { get; }

    public Member Member { get; }

    public Owner Owner => Member.Owner;

    public SimulatedQueue Queue { get; }

    public QueuePump Pump { get; }

    public QueueState State => Pump.State;

    public QueueLedger Ledger => _world.Ledgers[Queue.Index];

    public WindowRecord Window { get; private set; }

    public bool IsOver { get; private set; }

    /// <summary>Whether it was told to stop.</summary>
    public bool IsStopAsked => _stopping is not null;

    /// <summary>The last offset it has told; -1 when none since it began.</summary>
    public long Told => _told;

    /// <summary>What its pulls are answered in, where that is of a pool.</summary>
    public BodyPool Bodies { get; }

    /// <summary>Looks at what no event shows.</summary>
    public QueueWatch Watch { get; }

    public TimeSpan Now => TimeSpan.FromTicks(_world.Time.Now);

    // By what the run knows. What the state believes is asked only where the run cannot know: whether somebody has looked
    // since the fence was closed.
    public string? Objection => OwnObjection ?? (_world.Owners.Another(this) is { } other ? $"{other.Name} hands out, too" : null);

    /// <summary>Whether it gives messages to listeners now when it has some.</summary>
    public bool MayHandOut
        => !IsOver && State.Phase == QueuePhase.Running && Member.Standstill is not { IsFrozen: true } && OwnObjection is null;

    private string? OwnObjection
        => Owner.IsDead ? "its owner is dead"
        : Owner.IsFenceClosed ? "the fence is closed"
        : _closings != Owner.Closings && State.IsPositioned ? "the fence was closed, and nobody has looked since who went on"
        : _world.IsPaused[Queue.Index] ? "the queue is paused"
        : !HoldsLock ? "the queue's lock is not held"
        : IsStopAsked ? "the queue stops"
        : State.Move is { IsStored: true } ? "the queue is on its way elsewhere"
        : null;

    // As the broker knows it. One that has forgotten its locks tells their holders when they are renewed, or not in time.
    private bool HoldsLock => !_world.Setup.NeedsLock
        || (Queue.LockHolder == Owner.Name && _world.Time.Now < Queue.LockedUntil)
        || _world.Time.Now < Queue.LockForgottenAt + Member.LockExpiry.Ticks;

    /// <summary>How the queue is, for whoever tells why a run does not end.</summary>
    public string Tell()
        => $"{Name}: {State.Phase}, {Pump.Runs.Window.Count} messages, {Pump.Runs.InFlight} in work, " +
           $"store {Queue.Stored} of {Queue.Max}, missing {Ledger.Missing()}, last error '{Pump.Snapshot().LastError}'";

    public void Start()
    {
        Owner.OnFence(OnFence);
        _world.Triggers.Enters(Queue.Index, Coverage.Column(State));
        Pump.Start();
    }

    /// <summary>The engine is about to hear of an event.</summary>
    public void Observe(QueueState state, QueueEvent happened)
    {
        if (Owner.IsDead)
        {
            return;
        }

        Watch.Observe(happened.Kind);
        _world.Coverage.Reached(state, happened.Kind);
        _world.Triggers.Happens(Queue.Index, state, happened);
        _world.Scheduler.Note(happened.Kind.ToString(), Name, happened.Offset, happened.Move);
        switch (happened.Kind)
        {
            case QueueEventKind.StoreBegun:
                _storesSince = Owner.IsFenceClosed ? -1 : Owner.Closings;
                break;
            case QueueEventKind.OffsetStored when state.Move is { Step: MoveStep.Storing } move && move.Number == happened.Move:
                // What the store was told after the fence was open says where the queue goes on, whoever went on meanwhile.
                _closings = _storesSince == Owner.Closings ? _storesSince : _closings;
                Ledger.MoveHeard(this, move.Offset, isReset: move.Reason == MoveReason.Reset);
                (_told, _demanded) = (move.Offset, null);
                break;
            case QueueEventKind.AttemptFailed or QueueEventKind.FailedTooOften or QueueEventKind.Ended
                when state is { IsStopping: true, IsStopped: false, Move: { Reason: MoveReason.Seek, IsStored: false } }:
                // Who has asked hears no.
                Ledger.SeekRefused();
                break;
            case QueueEventKind.BrokerReset when !state.IsStopped && state.Move is not { Reason: MoveReason.Seek }:
                _demanded = happened.Offset;
                break;
            case QueueEventKind.SeekAsked when !state.IsStopping:
                _demanded = null;
                break;
            case QueueEventKind.Verified or QueueEventKind.Overtaken when !Owner.IsFenceClosed:
                _closings = _looked;
                break;
        }
    }

    /// <summary>The store has been asked: whoever went on with the queue while the fence was closed shows in the answer.</summary>
    public void Looked()
    {
        if (!Owner.IsFenceClosed)
        {
            _looked = Owner.Closings;
        }
    }

    /// <summary>The engine tells the store how far it is.</summary>
    public void Commits(long offset)
    {
        if (Owner.IsDead)
        {
            return;
        }

        if (!HoldsLock || Owner.IsFenceClosed)
        {
            Ledger.Fail(QueueLedger.CommitAllowed, $"{Name} commits {offset}");
        }

        if (offset < _told)
        {
            Ledger.Fail(QueueLedger.CommitsRise, $"{Name} commits {offset} after {_told}");
        }

        _told = offset;
        Ledger.Commits(this, offset);
    }

    /// <summary>A pull was answered.</summary>
    public void Pulled(long from, SimulatedPullAnswer answer)
    {
        if (answer.Verdict == PullVerdict.Moved)
        {
            var isReset = from >= Queue.Min && from <= Queue.Max && answer.Next != from;
            if (isReset && !Owner.IsDead && State.Move is not { Reason: MoveReason.Seek })
            {
                // Told once: whoever has heard it must not end without having stored it.
                _demanded = answer.Next;
            }

            _world.Triggers.Enters(Queue.Index, Triggers.ResetTold);
        }

        // What a member pulls that is dead, or that the others have declared so, binds nobody: its queue has gone on elsewhere. One that was
        // killed while it stood still hears an answer late.
        if (answer.Next > from && !Owner.CountsAsDead && answer.Verdict is (PullVerdict.Found or PullVerdict.NothingMatched))
        {
            Ledger.Pulled(Window, from, answer.Next, answer.Messages);
        }
    }

    public void FlowChanged()
    {
        Pump.Runs.Gate.Set(_world.IsPaused[Queue.Index], Owner.Rate);
        Pump.OnFlow();
        Ready();
    }

    /// <summary>Messages may go out again.</summary>
    public void Ready()
    {
        if (!Owner.IsDead)
        {
            Member.Environment.Dispatcher.Signal(Pump);
        }
    }

    /// <summary>The member is dead: nothing of it reaches anybody. What still runs is ended.</summary>
    public async Task DieAsync()
    {
        await Pump.StopAsync(TimeSpan.Zero);
        Owner.NoFence(OnFence);
        IsOver = true;
    }

    /// <summary>Ends here, once.</summary>
    public Task StopAsync(TimeSpan budget) => _stopping ??= EndAsync(budget);

    /// <summary>The queue has ended here, and goes elsewhere.</summary>
    /// <param name="wanted">Where its member knows operators to want queues.</param>
    /// <param name="fromLeaves">Whether its member leaves.</param>
    /// <returns>What goes along; null when it is not known how far the queue is.</returns>
    public HandedOver? Leave(WantedPlaces? wanted, bool fromLeaves) => Pump.Progress is { } progress
        ? new HandedOver(progress, Window, Pump.HasCheckpoint, Pump.HasUnstoredReset, _demanded, wanted, fromLeaves)
        : null;

    private async Task EndAsync(TimeSpan budget)
    {
        var asked = _world.Time.Now;
        await Pump.StopAsync(budget);
        Window.TakenAt = _world.Time.Now;
        if (Pump.Abandoned == 0 && !Owner.CountsAsDead && State.HasLock && Pump.Ownership.Number <= 1)
        {
            // Where a lock was lost nobody waits: what listeners still do counts no more.
            Ledger.Left(this);
        }

        // Where the store did not say what it had, nobody could wait for what was under way there.
        if (!Owner.IsDead && !Owner.IsFenceClosed && HoldsLock && _world.Trouble.StoreAway < asked - SimulatedWorld.CallTimeout.Ticks)
        {
            _world.Arrivals[Queue.Index].Left(Window, _told);
        }

        Owner.NoFence(OnFence);
        IsOver = true;
        if (_demanded is { } demanded && !Owner.IsDead && !Owner.IsFenceClosed && State is { HasLock: true, IsCertain: true })
        {
            Ledger.Fail(QueueLedger.NoResetLost, $"{Name} has ended, and nobody knows of the reset to {demanded}");
        }
    }

    private void OnFence(bool closed)
    {
        if (!Owner.IsDead)
        {
            Pump.OnFence(closed);
        }
    }

    private void OnRestarted()
    {
        if (Owner.IsDead)
        {
            return;
        }

        var progress = Pump.Runs.Window.Snapshot();
        var state = State;
        if (!state.HasLock)
        {
            // An empty one that waits for the lock.
            Window = new WindowRecord(this, WindowOrigin.Store, 0, null, null);
            _told = -1;
            return;
        }

        var origin = state.Move switch
        {
            { IsStored: true, Reason: MoveReason.Overtaken } => WindowOrigin.Overtaken,
            { IsStored: true } => WindowOrigin.Move,
            _ => IsHandedOver(progress) ? WindowOrigin.HandOver : WindowOrigin.Store,
        };
        _hasBegun = true;
        _told = origin == WindowOrigin.Move ? _told : -1;
        _closings = origin == WindowOrigin.Store ? _looked : origin == WindowOrigin.HandOver ? Owner.Closings : _closings;
        if (origin == WindowOrigin.HandOver && _before!.Demanded == progress.Watermark)
        {
            // What the store could not be told any more came along.
            Ledger.MoveHolds(progress.Watermark, isReset: true);
        }

        if (origin == WindowOrigin.Store && _demanded == progress.Watermark)
        {
            // A pull of its beginning was told; it begins there, where the store already is.
            _demanded = null;
        }

        var hidesReset = origin == WindowOrigin.Store
            && _world.Checkpoints.MovesBefore(Queue.Id, Owner) is { } moves && Ledger.MayHideReset(moves);
        Window = Ledger.Begins(
            this, origin, progress.Watermark, progress, origin == WindowOrigin.HandOver ? _before!.Window : null, hidesReset);
    }

    private bool IsHandedOver(AckSnapshot progress)
        => !_hasBegun && Pump.Ownership.Number <= 1 && progress.Watermark == _before?.Progress.Watermark;
}

/// <summary>How far a queue was when it was handed over.</summary>
/// <param name="Progress">How far.</param>
/// <param name="Window">The window that ended.</param>
/// <param name="HasCheckpoint">Whether something may be written down of it.</param>
/// <param name="HasUnstoredReset">Whether the store has not taken a reset that it comes from.</param>
/// <param name="Demanded">Where the broker wants it to go on, when the store could not be told; null when nothing is open.</param>
/// <param name="Wanted">Where its member knew operators to want queues.</param>
/// <param name="FromLeaves">Whether its member leaves.</param>
internal sealed record HandedOver(
    AckSnapshot Progress,
    WindowRecord Window,
    bool HasCheckpoint,
    bool HasUnstoredReset,
    long? Demanded,
    WantedPlaces? Wanted,
    bool FromLeaves);
