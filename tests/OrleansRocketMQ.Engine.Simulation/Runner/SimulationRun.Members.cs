using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>Members that come and go as operators let them.</summary>
internal sealed partial class SimulationRun
{
    private const int MostMembers = Members + 2;

    /// <summary>A member may be given queues.</summary>
    private static bool IsThere(Member member) => !member.Owner.IsDead && !member.Owner.IsLeaving && !member.Owner.IsDeclaredDead;

    /// <summary>One more member, to which some of the queues come.</summary>
    private async Task JoinAsync(Fault fault)
    {
        if (Setup.Broadcasts || _members.Count >= MostMembers)
        {
            return;
        }

        Struck(fault);
        var joined = NewMember(_members.Count);
        _members.Add(joined);
        var its = Enumerable.Range(0, _places.Length).Where(queue => (queue + fault.Amount) % 2 == 0);
        await Task.WhenAll(its.Select(queue => MoveAsync(
            queue, async () => IsThere(joined) ? joined : await AnotherAsync(joined.Owner.Index, queue))));
    }

    /// <summary>A member hands its queues to the others and ends; a new one comes in its place after a while.</summary>
    private async Task LeaveAsync(Fault fault)
    {
        var index = fault.Target % _members.Count;
        var leaving = _members[index];

        // One that stands still hears of no wish of its operator.
        if (Setup.Broadcasts || !IsThere(leaving) || leaving.Standstill is { IsFrozen: true } || _members.Count(IsThere) < 3)
        {
            return;
        }

        Struck(fault);
        leaving.Owner.Leave();
        while (HasQueues(leaving) && !leaving.Owner.IsDead)
        {
            await Task.WhenAll(Enumerable.Range(0, _places.Length)
                .Where(queue => _places[queue].Queue!.Member == leaving)
                .Select(queue => MoveAsync(queue, () => AnotherAsync(index, queue))));
            await _world.Time.Delay(TimeSpan.FromMilliseconds(20));
        }

        if (!leaving.Owner.IsDead && !leaving.Owner.IsDeclaredDead)
        {
            await leaving.StopAsync();
            leaving.Owner.Kill();
            await _world.Time.Delay(fault.Lasts);
            _members[index] = NewMember(index);
        }
    }

    // One that is just moving may come to it all the same.
    private bool HasQueues(Member member) => Array.Exists(_places, place => place.IsMoving || place.Queue!.Member == member);

    private async Task MoveAsync(int queue, Func<Task<Member>> choose)
    {
        var place = _places[queue];
        if (place.IsMoving)
        {
            return;
        }

        place.IsMoving = true;
        var from = place.Queue!;
        var before = await from.StopAsync(StopBudget);
        Begin(queue, await choose(), from.Owner.IsDead ? null : before);
    }
}
