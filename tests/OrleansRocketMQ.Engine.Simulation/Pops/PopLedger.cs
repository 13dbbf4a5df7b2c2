using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>
/// The checker's book of messages that are popped: what members and brokers do with each is held against what is promised.
/// </summary>
internal sealed partial class PopLedger(PopWorld world)
{
    public const string NothingLost = "no message is lost";
    public const string OnlyDone = "only what is done is acknowledged";
    public const string HandleCounts = "a broker is told of a message by the handle that counts";
    public const string DoneStaysDone = "what is consumed does not come again by its member's word";
    public const string StaysHidden = "what a member holds is kept from others for as long as it holds it";
    public const string NoDuplicate = "no message comes again without a cause";
    public const string DeadWithReason = "a dead letter says why";
    public const string DeadAtLast = "a message is a dead letter when it has failed too often, and not before";
    public const string HoldsWithin = "a queue holds no more than it may of what its broker has not heard of";
    public const string LeavesNothing = "a queue that leaves in peace keeps nothing from others";
    public const string CommitsDone = "nothing is committed that is not done";

    private readonly List<PopEntry> _entries = [];
    private readonly Dictionary<LoggedMessage, PopDelivery> _last = [];

    // When a tag last was none that is wanted, in ticks of the run.
    private readonly Dictionary<int, long> _unwantedAt = [];

    /// <summary>Messages that came again, by cause.</summary>
    public PopCoverage Coverage { get; } = new();

    public IReadOnlyList<PopEntry> Entries => _entries;

    private long Now => world.Time.Now;

    private IEnumerable<PopDelivery> HeldBy(PopHolder holder) => world.Hidden.Where(delivery
        => delivery.Holder == holder && delivery is { IsReceived: true, IsGivenBack: false } && delivery.HiddenUntil > Now);

    public PopEntry Find(int origin) => _entries[origin];

    public void Sent(PopEntry entry) => _entries.Add(entry);

    /// <summary>A member has what it has popped.</summary>
    public void Received(PopHolder holder, IReadOnlyList<PopDelivery> popped)
    {
        foreach (var delivery in popped)
        {
            delivery.IsReceived = true;
            delivery.BelievedUntil = Now + PopSetup.InvisibleTimeOf(world.Setup.Seed).Ticks;
        }

        var perPop = Math.Min(world.Setup.PullBatch, PopRunLimits.MostPerPop);
        var most = (world.Setup.QueueLimit + perPop) * Math.Max(1, holder.Popping.Count());
        var held = HeldBy(holder).Count();
        if (held > most && holder.LeftAt < Now - PopRunLimits.Leaving.Ticks)
        {
            Fail(HoldsWithin, $"{holder.Name} holds {held} where {most} are allowed");
        }
    }

    /// <summary>A queue has left a member.</summary>
    /// <param name="holder">What the member had of it.</param>
    /// <param name="asked">When it was told to.</param>
    public void Left(PopHolder holder, long asked)
    {
        var isUndisturbed = world.TroubleOf(holder.Source) < asked - PopRunLimits.Leaving.Ticks
            && holder.Owner is { IsDead: false, IsDeclaredDead: false } && holder.Owner.StoodStillAt < asked - PopRunLimits.Leaving.Ticks;
        if (isUndisturbed && !holder.HasAbandoned && !holder.Running.Any() && HeldBy(holder).FirstOrDefault() is { } held)
        {
            Fail(LeavesNothing, $"{holder.Name} has left, and others do not get {held.Message.Offset}, origin {held.Entry.Origin}");
        }
    }

    /// <summary>A message is given to a listener.</summary>
    /// <param name="delivery">How it came.</param>
    public void HandOut(PopDelivery delivery)
    {
        var message = delivery.Message;
        if ((delivery.Entry.IsDone || delivery.Entry.IsDead) && CauseOf(delivery) is var cause)
        {
            Coverage.Duplicate(cause ?? "none");
            if (cause is null)
            {
                Fail(NoDuplicate, $"{delivery.Holder.Name} gives {message.Offset} to a listener, origin {delivery.Entry.Origin}");
            }
        }

        delivery.IsInWork = true;
        _last[message] = delivery;
        world.Scheduler.Note("a listener has", delivery.Holder.Owner.Name, message.Log.Index, message.Offset);
    }

    /// <summary>A member has heard that its listener has consumed a message.</summary>
    public void Heard(PopDelivery delivery)
    {
        delivery.HeardAt = Now;
        var holder = delivery.Holder;
        var isUndisturbed = Math.Max(holder.LeftAt, holder.Owner.StoodStillAt) < delivery.TakenAt;
        if (isUndisturbed && delivery.BelievedUntil < Now - PopRunLimits.OnItsWay.Ticks)
        {
            holder.CertainlyLate++;
        }

        delivery.Entry.IsDone = true;
        delivery.Message.IsSettled = true;
        world.Scheduler.Note("consumed", holder.Owner.Name, delivery.Message.Log.Index, delivery.Message.Offset);
    }

    /// <summary>The broker counts a message as done.</summary>
    public void Acknowledged(PopDelivery delivery)
    {
        var entry = delivery.Entry;
        if (delivery.IsConsumed || entry.IsOver)
        {
            return;
        }

        if (delivery.MayBeSkipped)
        {
            // What lies behind the place the queue has gone to is offered again there.
            entry.IsWaived |= delivery.Message.Offset < (delivery.Message.Log.Stored ?? 0);
            return;
        }

        if (WasUnwantedSince(delivery.TakenAt - PopRunLimits.Leaving.Ticks, entry))
        {
            entry.IsWaived = true;
            return;
        }

        Fail(OnlyDone, $"{delivery.Holder.Name} has {delivery.Message.Offset} acknowledged, origin {entry.Origin}");
    }

    /// <summary>The broker keeps a message from others for another time.</summary>
    public void Changed(PopDelivery delivery, bool isRenewal)
    {
        delivery.IsGivenBack = !isRenewal;
        if (!isRenewal && delivery.HeardAt < Now - PopRunLimits.OnItsWay.Ticks)
        {
            Fail(DoneStaysDone, $"{delivery.Holder.Name} gives {delivery.Message.Offset} back, which a listener has consumed");
        }
    }

    /// <summary>A member is about to tell the broker of a message.</summary>
    public void Tells(PopDelivery delivery, ReceiptHandle handle)
    {
        if (handle != delivery.Heard)
        {
            Fail(HandleCounts, $"{delivery.Holder.Name} tells of {delivery.Message.Offset} by {handle}, but it is {delivery.Heard}");
        }
    }

    /// <summary>The time in which a message was kept from others is over.</summary>
    /// <returns>Why.</returns>
    public string ComesAgain(PopDelivery delivery)
    {
        if (delivery.IsGivenBack)
        {
            return "its member gave it back";
        }

        var since = Now - PopSetup.InvisibleTimeOf(world.Setup.Seed).Ticks - PopRunLimits.Leaving.Ticks;
        return delivery.Lost = WhyNotKept(delivery, since) ?? throw new SimulationException(
            StaysHidden, $"{delivery.Holder.Name} has {delivery.Message.Offset}, origin {delivery.Entry.Origin}, and others get it");
    }

    /// <summary>An operator has moved a queue.</summary>
    public void Moved(PopLog log, long offset)
    {
        foreach (var delivery in world.Hidden.Where(delivery => delivery.Message.Log == log && !delivery.IsInWork))
        {
            delivery.MayBeSkipped = true;
        }

        for (var at = log.Stored ?? 0; at < offset; at++)
        {
            log.Messages[(int)at].Entry.IsWaived |= !log.Messages[(int)at].Entry.IsDead;
        }

        for (var at = offset; at < (log.Stored ?? 0); at++)
        {
            log.Messages[(int)at].IsSettled = false;
        }
    }

    /// <summary>Other tags are wanted from now on; null: all.</summary>
    public void Subscribed(int? wanted)
    {
        foreach (var tag in new[] { 0, 1 })
        {
            if (wanted is not null && tag != wanted)
            {
                _unwantedAt[tag] = long.MaxValue;
            }
            else if (_unwantedAt.TryGetValue(tag, out var at))
            {
                _unwantedAt[tag] = Math.Min(at, Now);
            }
        }
    }

    /// <summary>A message lies among the dead letters.</summary>
    public void Dead(PopEntry entry, int attempts, bool hasReason)
    {
        if (!hasReason)
        {
            Fail(DeadWithReason, $"nobody has tried to tell why origin {entry.Origin} is dead");
        }

        if (attempts <= SimulatedWorld.MaxAttempts && !entry.IsRejected)
        {
            Fail(DeadAtLast, $"origin {entry.Origin} is dead after {attempts} attempts");
        }

        entry.IsDead = true;
        Coverage.DeadLetters++;
        world.Scheduler.Note("is a dead letter", "a message", entry.Origin, attempts);
    }

    /// <summary>A message that was pulled is with the broker again, or noted elsewhere.</summary>
    public void TakenBack(PopEntry entry)
    {
        world.Scheduler.Note("is taken back", "a message", entry.Origin);
        foreach (var delivery in _last.Values.Where(delivery => delivery.Entry == entry))
        {
            delivery.Message.IsSettled = true;
        }
    }

    /// <summary>A member is at an offset of a queue that is pulled, or says where it is to be popped from.</summary>
    public void Stores(PopLog log, long offset)
    {
        for (var at = log.Stored ?? 0; at < offset; at++)
        {
            var message = log.Messages[(int)at];
            if (message.IsSettled || message.Entry.IsOver)
            {
                continue;
            }

            // Whoever pulled it may look at the subscription later than the broker did, as after it has stood still.
            message.Entry.IsWaived = MayBeLeftOut(message);
            if (!message.Entry.IsWaived)
            {
                Fail(CommitsDone, $"{offset} of {log.Id}, and {at} is not done, origin {message.Entry.Origin}");
            }
        }
    }

    /// <summary>Whether the subscription did without it at a time since it has been offered; what comes again it always wants.</summary>
    private bool MayBeLeftOut(LoggedMessage message)
        => message.Attempts == 0 && WasUnwantedSince(message.OfferedAt, message.Entry);

    private bool WasUnwantedSince(long ticks, PopEntry entry) => _unwantedAt.TryGetValue(entry.Tag, out var at) && at >= ticks;

    /// <summary>All is over.</summary>
    public void CheckEnd()
    {
        if (Missing().FirstOrDefault() is { } missing)
        {
            Fail(NothingLost, $"origin {missing.Origin} is neither consumed nor a dead letter");
        }
    }

    public IEnumerable<PopEntry> Missing() => _entries.Where(static entry => !entry.IsOver);

    public void Fail(string rule, string detail) => world.Scheduler.Fail(new SimulationException(rule, detail));
}
