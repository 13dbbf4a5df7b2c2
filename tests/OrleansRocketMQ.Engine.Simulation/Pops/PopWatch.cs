using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>
/// Looks at what brokers offer while nothing speaks against it that somebody takes it: whatever it is, and whyever it is offered
/// again, a listener's member has it within a second.
/// </summary>
internal sealed class PopWatch(PopWorld world)
{
    public const string TakenSoon = "what a broker offers is taken within a second";

    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private static readonly long Longest = (TimeSpan.FromSeconds(1) + Interval).Ticks;

    // In which a pop whose answer was lost is waited for, and then the pause before the next one.
    private static readonly long Rests = TimeSpan.FromSeconds(6).Ticks;

    private readonly Dictionary<PopHolder, long> _freeSince = [];

    public void Look(IEnumerable<PopMember> members)
    {
        var now = world.Time.Now;
        foreach (var holder in members.SelectMany(static member => member.Holders))
        {
            if (!IsFree(holder, now))
            {
                _freeSince.Remove(holder);
            }
            else if (_freeSince.TryAdd(holder, now))
            {
                world.Ledger.Coverage.Shared += _freeSince.Keys.Any(other => other != holder && other.Source == holder.Source) ? 1 : 0;
            }
        }

        foreach (var log in world.Logs)
        {
            Look(log, now);
        }
    }

    private void Look(PopLog log, long now)
    {
        var takers = _freeSince.Where(free => Serves(free.Key, log)).Select(static free => free.Value).ToArray();
        if ((log.Stored ?? 0) == log.Max || takers.Length == 0)
        {
            return;
        }

        var offered = log.Messages[(int)(log.Stored ?? 0)];
        var since = Math.Max(takers.Min(), Math.Max(offered.OfferedAt, log.TakenAt));
        if (now - since > Longest)
        {
            var at = TimeSpan.FromTicks(offered.OfferedAt);
            world.Ledger.Fail(TakenSoon, $"{offered.Offset} of {log.Id} has been offered since {at} ({offered.Again})");
        }
    }

    // Any pop at a broker brings what comes again there.
    private bool Serves(PopHolder holder, PopLog log)
        => holder.Source == log || (world.ComeAgainIn(log) && holder.Source.Id.BrokerName == log.Id.BrokerName);

    private bool IsFree(PopHolder holder, long now)
        => holder.Owner is { IsDead: false, IsDeclaredDead: false, IsFenceClosed: false } && holder.Owner.StoodStillAt < now - Rests
            && world.TroubleOf(holder.Source) < now - Rests
            && holder.Popping.Any(pump => IsFree(holder, pump));

    private bool IsFree(PopHolder holder, PopPump pump)
    {
        var group = holder.Member.Environment.Budgets.Of(holder.Source.Id.Topic).Group;
        return pump.State.Phase == PopPhase.Popping
            && pump.Book.Count < world.Setup.QueueLimit
            && pump.Runs.Window.Count < world.Setup.QueueLimit
            && (group.Used + world.Setup.PullBatch <= world.Setup.SharedLimit || pump.Runs.Window.Count == 0);
    }
}
