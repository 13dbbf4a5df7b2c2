using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>Faults that are events, and what operators do. Those that last while calls are made are looked up by the calls.</summary>
internal sealed partial class PopRun
{
    private const int MostMembers = 6;
    private const int LeastMembers = 2;

    // So long after a member has fallen silent the others declare it dead.
    private static readonly TimeSpan DeclaredDeadAfter = TimeSpan.FromSeconds(3);

    // Brokers list a member that has only fallen silent for longer.
    private static readonly TimeSpan BrokersBelieveFor = TimeSpan.FromSeconds(10);

    private static bool IsThere(PopMember member) => member.Owner is { CountsAsDead: false, IsLeaving: false };

    private async Task HappenAsync(Fault fault)
    {
        await _world.Time.Delay(_world.Time.Until(fault.At.Ticks));
        var queue = fault.Target % Setup.Queues;
        switch (fault.Kind)
        {
            case FaultKind.BrokerAway:
                _world.Weather.Cut();
                break;
            case FaultKind.BrokerRestart:
                Struck(fault);
                _world.Weather.Cut();
                _world.Weather.Cluster.Forget(_world.Logs[queue].Id.BrokerName);
                _world.Restart(_world.Logs[queue].Id.BrokerName);
                break;
            case FaultKind.ModeSwitch:
                Struck(fault);
                _world.Switch(_world.Logs[queue].Id.BrokerName);
                break;
            case FaultKind.Poison:
                Struck(fault);
                _poisonNext[queue] = true;
                break;
            case FaultKind.FenceClosed:
                await CloseFenceAsync(fault);
                break;
            case FaultKind.OwnerKilled:
                await KillAsync(fault);
                break;
            case FaultKind.Standstill:
                await StandStillAsync(fault);
                break;
            case FaultKind.MemberJoins when _members.Count < MostMembers:
                Struck(fault);
                _members.Add(NewMember(_members.Count));
                break;
            case FaultKind.MemberLeaves:
                await LeaveAsync(fault);
                break;
            case FaultKind.HandOver:
                HandOver(fault, queue);
                break;
            default:
                await OperateAsync(fault, queue);
                break;
        }
    }

    private async Task OperateAsync(Fault fault, int queue)
    {
        switch (fault.Kind)
        {
            case FaultKind.Pause:
                Struck(fault);
                Pause(queue, paused: true);
                await _world.Time.Delay(fault.Lasts);
                Pause(queue, paused: false);
                break;
            case FaultKind.RateLimit:
                Struck(fault);
                var limited = _members[fault.Target % _members.Count];
                limited.Owner.Limit(5 + (fault.Amount * 2), limited.Ready);
                limited.FlowChanged();
                await _world.Time.Delay(fault.Lasts);
                limited.Owner.Limit(0, limited.Ready);
                limited.FlowChanged();
                break;
            case FaultKind.SubscriptionChange:
                Struck(fault);
                Subscribe(fault.Amount % 2);
                await _world.Time.Delay(fault.Lasts);
                Subscribe(null);
                break;
            case FaultKind.SeekBack:
            case FaultKind.SeekForward:
                await SeekAsync(fault, queue);
                break;
            case FaultKind.Recovery:
                Struck(fault);
                _members.ForEach(static member => member.Running.ToList().ForEach(static pump => pump.Recover()));
                break;
        }
    }

    private void Struck(Fault fault) => _world.Weather.Struck(fault.Kind, fault.Target);

    private PopMember NewMember(int index, bool isFirst = false)
    {
        // Names say where members stand in the order of allocation.
        var letter = (char)('a' + (isFirst ? index : _random.Next(26)));
        var member = new PopMember(_world, new Owner(index, $"member {letter}{++_owned}", _world.Weather), _directory);
        _all.Add(member);
        _directory.Add(member);
        _world.Weather.Cluster.Join(member.Group, isFirst);
        if (!isFirst)
        {
            member.Start();
        }

        return member;
    }

    private Task CloseFenceAsync(Fault fault)
    {
        var owner = _members[fault.Target % _members.Count].Owner;
        if (owner.IsDead)
        {
            return Task.CompletedTask;
        }

        Struck(fault);
        return owner.CloseFenceAsync(fault.Lasts, SeededRandom.Of(Setup.Seed, fault.ToString()), atOnce: false);
    }

    private async Task KillAsync(Fault fault)
    {
        var index = fault.Target % _members.Count;
        var dead = _members[index];
        if (dead.Owner.IsDead)
        {
            return;
        }

        Struck(fault);
        dead.Owner.Kill();
        _ = _scheduler.Start($"end of {dead.Owner.Name}", dead.DieAsync);

        // The others find out after a while, and it comes back as a new member.
        await _world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)));
        TakeForDead(dead, TimeSpan.FromSeconds(3));
        _members[index] = NewMember(index);
    }

    /// <summary>The cluster counts a member out; brokers may list it for longer.</summary>
    private void TakeForDead(PopMember member, TimeSpan unlistedWithin)
    {
        _world.Weather.Cluster.Gone(member.Group, unlistedWithin);
        _directory.Forget(member);
    }

    /// <summary>A member hands its queues to the others and ends; a new one comes in its place after a while.</summary>
    private async Task LeaveAsync(Fault fault)
    {
        var index = fault.Target % _members.Count;
        var leaving = _members[index];
        if (!IsThere(leaving) || leaving.Standstill is { IsFrozen: true } || _members.Count(IsThere) <= LeastMembers)
        {
            return;
        }

        Struck(fault);
        leaving.Owner.Leave();
        leaving.Queues.Close("leaving");
        var deadline = new StopDeadline(StopBudget, _world.Time, CancellationToken.None);
        await leaving.RunAsync(async () =>
        {
            await leaving.Rebalance.StopAsync();
            await leaving.Rebalance.HandOverAsync(deadline);
            await Task.WhenAll(leaving.Running.ToArray().Select(pump => leaving.Queues.StopQueueAsync(pump, deadline.ForListeners)));
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

    /// <summary>A member stands still, and goes on as if nothing had been; perhaps the others have taken its queues meanwhile.</summary>
    private async Task StandStillAsync(Fault fault)
    {
        var index = fault.Target % _members.Count;
        var member = _members[index];
        if (!IsThere(member) || member.Standstill is not { IsFrozen: false } standstill)
        {
            return;
        }

        Struck(fault);
        standstill.Freeze();
        member.Owner.StandsStill(true);
        var lasts = fault.Lasts + TimeSpan.FromMilliseconds(fault.Amount * 40);
        var isTakenOver = fault.Amount % 2 == 0 && lasts > DeclaredDeadAfter;
        await _world.Time.Delay(isTakenOver ? DeclaredDeadAfter : lasts);
        isTakenOver &= !member.Owner.IsDead;
        if (isTakenOver)
        {
            member.Owner.DeclareDead();
            TakeForDead(member, BrokersBelieveFor);
            _members[index] = NewMember(index);
            await _world.Time.Delay(lasts - DeclaredDeadAfter);
        }

        if (lasts > Member.LongestStandstill)
        {
            member.Owner.StoodStill();
        }

        member.Owner.StandsStill(false);
        standstill.Thaw();
        if (isTakenOver)
        {
            await _world.Time.Delay(StopBudget / 2);
            await Task.WhenAll(member.Running.ToArray().Select(pump => member.Queues.StopQueueAsync(pump, StopBudget)));
            await member.StopAsync();
            member.Owner.Kill();
        }
    }

    /// <summary>An operator wants a queue with another member.</summary>
    private void HandOver(Fault fault, int queue)
    {
        var id = _world.Logs[queue].Id;
        if (_directory.Find(id) is not { } place)
        {
            return;
        }

        var others = _members.Where(member => IsThere(member) && member != place.Member).ToArray();
        if (others.Length > 0)
        {
            Struck(fault);
            _world.Weather.Cluster.Pin(id, others[(fault.Target + fault.Amount) % others.Length].Owner.Name, first: place.Member.Group);
        }
    }

    private async Task SeekAsync(Fault fault, int queue)
    {
        var log = _world.Logs[queue];
        if (_directory.Find(log.Id) is not { Pump: PopPump popped })
        {
            return;
        }

        Struck(fault);
        var here = log.Stored ?? 0;
        var offset = fault.Kind == FaultKind.SeekBack ? Math.Max(0, here - 1 - fault.Amount) : Math.Min(log.Max, here + 1 + fault.Amount);
        try
        {
            await popped.SeekAsync(offset);
        }
        catch (Exception exception) when (exception is RocketMQException or OperationCanceledException)
        {
            // Whoever asked hears that it has not happened.
        }
    }

    private void Pause(int queue, bool paused)
    {
        _world.Weather.IsPaused[queue] = paused;
        _members.ForEach(static member => member.FlowChanged());
    }

    private void Subscribe(int? tag)
    {
        _world.Ledger.Subscribed(tag);
        _world.Weather.WantedTag = tag;
        _members.ForEach(static member => member.Running.ToList().ForEach(static pump => pump.RestartPull()));
    }
}
