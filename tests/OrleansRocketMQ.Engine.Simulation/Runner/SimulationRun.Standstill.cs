using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>Members that stand still for a while, and go on as if nothing had been.</summary>
internal sealed partial class SimulationRun
{
    // So long after a member has fallen silent the others declare it dead and take its queues.
    private static readonly TimeSpan DeclaredDeadAfter = TimeSpan.FromSeconds(3);

    // Brokers list a member that has only fallen silent for longer.
    private static readonly TimeSpan BrokersBelieveFor = TimeSpan.FromSeconds(10);

    private async Task StandStillAsync(Fault fault, int queue)
    {
        var member = _members[fault.Target % _members.Count];
        if (member.Owner.CountsAsDead || member.Owner.IsLeaving
            || member.Standstill is not { IsFrozen: false } standstill)
        {
            return;
        }

        Struck(fault);
        standstill.Freeze();
        var lasts = fault.Lasts + TimeSpan.FromMilliseconds(fault.Amount * 40);
        if (fault.Amount % 2 == 0 && lasts > DeclaredDeadAfter)
        {
            await _world.Time.Delay(DeclaredDeadAfter);
            if (!member.Owner.IsDead)
            {
                await TakeOverAsync(member, lasts - DeclaredDeadAfter);
                return;
            }

            // What is left of it must come to its end all the same.
            await _world.Time.Delay(lasts - DeclaredDeadAfter);
            Thaw(member, lasts);
            return;
        }

        await _world.Time.Delay(lasts / 2);
        var mayBeOvertaken = lasts > Member.LongestStandstill && !Setup.NeedsLock && !Setup.Broadcasts;
        if (mayBeOvertaken && Places[queue] is { IsMoving: false } place && place.Queue!.Member == member)
        {
            OtherMember(queue, 1 + (fault.Amount % 20));
        }

        await _world.Time.Delay(lasts / 2);
        Thaw(member, lasts);
    }

    /// <summary>The others declare it dead and take its queues; when it goes on, it must do nothing more for them, and ends.</summary>
    private async Task TakeOverAsync(Member member, TimeSpan lastsOn)
    {
        var index = member.Owner.Index;
        member.Owner.DeclareDead();
        TakeForDead(member, BrokersBelieveFor);
        var left = member.Running.ToArray();
        _members[index] = NewMember(index);
        await _world.Time.Delay(lastsOn);
        Thaw(member, lastsOn + DeclaredDeadAfter);
        await _world.Time.Delay(StopBudget / 2);
        await Task.WhenAll(left.Select(queue => queue.StopAsync(StopBudget)));
        await member.StopAsync();
        member.Owner.Kill();
    }

    private static void Thaw(Member member, TimeSpan after)
    {
        if (after > Member.LongestStandstill)
        {
            member.Owner.StoodStill();
        }

        member.Standstill!.Thaw();
    }
}
