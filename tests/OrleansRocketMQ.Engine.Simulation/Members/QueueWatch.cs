using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>What must hold of a queue at any moment, and shows in no event: that nothing takes longer than it may.</summary>
internal sealed class QueueWatch(SimulatedWorld world, MemberQueue queue)
{
    public const string OneWait = "a queue waits for one thing at a time";
    public const string CommitsSoon = "what is consumed is committed soon, whatever becomes of other queues";
    public const string RetriesSoon = "a refused pull is tried again soon, whatever becomes of other brokers";
    public const string CallsEnd = "a call that does not end is given up";

    private const int MostWaits = 2;

    // Of the loop that stores offsets every half second.
    private static readonly long CommitsWithin = TimeSpan.FromSeconds(1.5).Ticks;
    // In which a failing store may be left alone after it has failed for as long as a fault lasts.
    private static readonly long StoreRests = TimeSpan.FromSeconds(12).Ticks;
    // Three seconds at most, with what chance adds.
    private static readonly long RetriesWithin = TimeSpan.FromSeconds(4.5).Ticks;
    private static readonly TimeSpan CallEndsWithin = Member.ConsumeTimeout + ListenerTimes.Grace + TimeSpan.FromSeconds(1);

    // In which a member that has stood still makes up for what it has missed.
    private static readonly long AfterStandstill = TimeSpan.FromSeconds(6).Ticks;

    private readonly IdleWatch _idle = new(world, queue);
    private WindowRecord? _window;
    private long _thawedAt = long.MinValue / 2;
    private long _uncommitted;
    private long _uncommittedSince;
    private long _failedAt = long.MaxValue;

    /// <summary>The engine is about to hear of an event.</summary>
    public void Observe(QueueEventKind happened)
    {
        if (happened is QueueEventKind.AttemptFailed or QueueEventKind.FailedTooOften)
        {
            _failedAt = world.Time.Now;
        }
    }

    public void Look()
    {
        if (queue.Member.Standstill is { IsFrozen: true })
        {
            _thawedAt = world.Time.Now;
        }

        if (queue.Owner.CountsAsDead || queue.IsStopAsked || world.Time.Now - _thawedAt < AfterStandstill)
        {
            _uncommittedSince = world.Time.Now;
            _idle.Rest();
            return;
        }

        if (queue.Pump.Waits > MostWaits)
        {
            queue.Ledger.Fail(OneWait, $"{queue.Name} has {queue.Pump.Waits} waits");
        }

        LookAtCalls();
        LookAtRetry();
        LookAtCommits();
        _idle.Look();
    }

    // In order, only the listener's side ends a call.
    private void LookAtCalls()
    {
        if (world.Setup.Mode != Mode.Orderly && queue.Pump.Running.Slowest() is { } slowest && slowest.Age > CallEndsWithin)
        {
            queue.Ledger.Fail(CallsEnd, $"{queue.Name} has called a listener with {slowest.Offset} {slowest.Age} ago");
        }
    }

    private void LookAtRetry()
    {
        var now = world.Time.Now;
        if (queue.State.Phase != QueuePhase.BackingOff)
        {
            // One that failed behind a closed fence waits from when that opens, if only for a moment.
            _failedAt = now;
        }
        else if (now - _failedAt > RetriesWithin
            && now - world.Trouble.BrokerAwayOf(queue.Queue.Id.BrokerName) > RetriesWithin)
        {
            queue.Ledger.Fail(RetriesSoon, $"{queue.Name} has been waiting since {TimeSpan.FromTicks(_failedAt)}");
        }
    }

    private void LookAtCommits()
    {
        var now = world.Time.Now;
        var mayCommit = queue.State is { IsPositioned: true, Move: null, MayStore: true }
            && !queue.Owner.IsFenceClosed
            && now - world.Trouble.StoreAway > StoreRests
            && now - world.Trouble.StoreRefused(queue.Queue.Index) > StoreRests;
        if (!mayCommit || _window != queue.Window || Math.Max(queue.Told, queue.Queue.Stored ?? 0) >= _uncommitted)
        {
            _uncommitted = queue.State.IsPositioned ? queue.Pump.Runs.Window.Watermark : 0;
            (_uncommittedSince, _window) = (now, queue.Window);
        }
        else if (now - _uncommittedSince > CommitsWithin)
        {
            var since = TimeSpan.FromTicks(_uncommittedSince);
            queue.Ledger.Fail(CommitsSoon, $"{queue.Name} is at {_uncommitted} since {since}, told {queue.Told}");
        }
    }
}
