using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>
/// Looks at messages that wait while nothing speaks against them and no listener of their member has anything: they wait for
/// others of their batch, and no longer than they may.
/// </summary>
internal sealed class IdleWatch(SimulatedWorld world, MemberQueue queue)
{
    public const string HandsOutSoon = "nothing waits for longer than it may once it may be handed out";

    // Keys gather for a second where more is at the broker than the queue may hold; and a look or two.
    private static readonly long Longest = TimeSpan.FromSeconds(1.75).Ticks;

    // In which workers may wait that did not reach their listener, and an ordered queue for its counts of failures.
    private static readonly long Rests = TimeSpan.FromSeconds(6).Ticks;

    private LedgerEntry? _first;
    private long _since;

    /// <summary>Nothing is asked now.</summary>
    public void Rest() => _first = null;

    public void Look()
    {
        var now = world.Time.Now;
        var first = IsFree(now) ? queue.Ledger.FirstWaiting(queue.Window) : null;
        if (first is null || first != _first)
        {
            (_first, _since) = (first, now);
        }
        else if (now - _since > world.Setup.BatchWait.Ticks + Longest)
        {
            queue.Ledger.Fail(HandsOutSoon, $"{queue.Name} has had {first.Offset} since {TimeSpan.FromTicks(_since)}");
        }
    }

    private bool IsFree(long now) => queue.MayHandOut && queue.Objection is null && queue.Owner.Rate is null
        && now - world.Trouble.ListenersAway > Rests
        && now - world.Trouble.Storage(queue.Queue.Index) > Rests
        && queue.Member.Running.All(static running => running.Pump.InFlight == 0);
}
