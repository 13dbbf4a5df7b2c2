using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>Members that come and go. Which queues they have then is their own decision.</summary>
internal sealed partial class SimulationRun
{
    public const string SettlesSoon = "every queue has its owner soon after things have settled";

    private const int MostMembers = Members + 2;

    // Brokers list a member that is dead for a while; then a look or two.
    private static readonly TimeSpan SettlesWithin = TimeSpan.FromSeconds(30);

    /// <summary>A member may be given queues.</summary>
    private static bool IsThere(Member member) => member.Owner is { CountsAsDead: false, IsLeaving: false };

    private Member NewMember(int index, bool isFirst = false)
    {
        // Names say where members stand in the order of allocation.
        var letter = (char)('a' + (isFirst ? index : _random.Next(26)));
        var member = new Member(_world, new Owner(index, $"member {letter}{++_owned}", _world), _directory, _dead);
        _directory.Add(member);
        _world.Cluster.Join(member.Group, isFirst);
        if (!isFirst)
        {
            member.Start();
        }

        return member;
    }

    /// <summary>One more member.</summary>
    private Task JoinAsync(Fault fault)
    {
        if (!Setup.Broadcasts && _members.Count < MostMembers)
        {
            Struck(fault);
            _members.Add(NewMember(_members.Count));
        }

        return Task.CompletedTask;
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
        var deadline = new StopDeadline(StopBudget, _world.Time, CancellationToken.None);
        await leaving.RunAsync(async () =>
        {
            await leaving.Rebalance.StopAsync();
            await leaving.Rebalance.HandOverAsync(deadline);
            await Task.WhenAll(leaving.Running.ToArray().Select(queue => queue.StopAsync(deadline.ForListeners)));
        });
        if (leaving.Owner.CountsAsDead)
        {
            return;
        }

        await leaving.StopAsync();
        if (leaving.Owner.CountsAsDead)
        {
            // It has died while it ended, and there is another one in its place.
            return;
        }

        TakeForDead(leaving, TimeSpan.FromMilliseconds(300));
        leaving.Owner.Kill();
        await _world.Time.Delay(fault.Lasts);
        _members[index] = NewMember(index);
    }

    /// <summary>The cluster counts a member out; brokers may list it for longer.</summary>
    private void TakeForDead(Member member, TimeSpan unlistedWithin)
    {
        _dead.Add(member.Owner.Name);
        _world.Cluster.Gone(member.Group, unlistedWithin);
        _directory.Forget(member);
    }

    /// <summary>An operator wants a queue with another member.</summary>
    private async Task HandOverAsync(Fault fault, int queue)
    {
        var place = Places[queue];
        if (place.IsMoving || place.Queue!.Owner.IsDeclaredDead)
        {
            return;
        }

        var from = place.Queue.Member;
        var others = _members.Where(member => IsThere(member) && member != from).ToArray();
        if (!Setup.Broadcasts && others.Length == 0)
        {
            return;
        }

        Struck(fault);
        if (Setup.Broadcasts)
        {
            // No other member can have it; its own begins it anew.
            await SimulatedDirectory.DeactivateAsync(place);
            return;
        }

        var to = others[(fault.Target + fault.Amount) % others.Length];
        place.NextMove = fault.Kind is FaultKind.HandOverBroken or FaultKind.HandOverFails ? fault.Kind : null;
        _world.Cluster.Pin(_world.Queues[queue].Id, to.Owner.Name, first: from.Group);

        // As if the look that follows had come to its end within the moment: so faults meet states that last no longer.
        from.Group.LookAgain();
        await from.RunAsync(() => _directory.HandOverAsync(from, place.Queue, StopBudget));
    }

    /// <summary>Members find out who is there, and each queue runs where its member believes that it belongs.</summary>
    private async Task SettleAsync()
    {
        var until = _world.Time.Now + SettlesWithin.Ticks;
        while (!Array.TrueForAll(Places, place => !place.IsMoving && IsAtHome(place)))
        {
            if (_world.Time.Now > until)
            {
                var homeless = Places.First(place => place.IsMoving || !IsAtHome(place));
                throw new SimulationException(SettlesSoon, $"{_world.Queues[homeless.Index].Name} was last at {homeless.Queue?.Name}");
            }

            await _world.Time.Delay(TimeSpan.FromMilliseconds(20));
        }
    }

    private bool IsAtHome(Place place)
    {
        var queue = _world.Queues[place.Index].Id;
        return _members.TrueForAll(member => !IsThere(member) || Setup.Broadcasts
            || member.Group.View.OwnerOf(queue) == place.Activation!.Member.Owner.Name);
    }
}
