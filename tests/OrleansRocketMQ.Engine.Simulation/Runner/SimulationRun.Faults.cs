using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>Faults that are events, and what operators do. Those that last while calls are made are looked up by the calls.</summary>
internal sealed partial class SimulationRun
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    private async Task ActAsync(Fault fault, int queue, bool isTriggered)
    {
        switch (fault.Kind)
        {
            case FaultKind.BrokerAway:
                _world.Cut();
                break;
            case FaultKind.BrokerRestart:
                Struck(fault);
                _world.Cut();
                _world.Cluster.Forget(_world.Queues[queue].Id.BrokerName);
                if (!Setup.Broadcasts)
                {
                    _world.Queues[queue].Restart(_random, _world.Time.Now);
                    _world.Attempts.Forget(queue);
                }

                break;
            case FaultKind.BrokerReset:
                Struck(fault);
                _world.Queues[queue].ResetTo = Somewhere(queue, fault.Amount);
                _world.Queues[queue].Wake();
                break;
            case FaultKind.Retention:
                Struck(fault);
                _world.Queues[queue].Drop(Somewhere(queue, fault.Amount / 2));
                _world.Ledgers[queue].Dropped();
                break;
            case FaultKind.FenceClosed:
            case FaultKind.Overtaken:
                await FenceAsync(fault, queue, isTriggered);
                break;
            case FaultKind.StoreUnreadable:
                // It is asked when a queue begins, and when its fence was closed.
                await CloseFenceAsync(fault with { Lasts = Moment }, queue);
                break;
            case FaultKind.LockTaken:
                await TakeLockAsync(fault, queue);
                break;
            case FaultKind.Poison:
                Struck(fault);
                _poisonNext[queue] = fault.Amount % 2 == 0 ? NextMessage.Poison : NextMessage.PoisonThatIsGone;
                break;
            case FaultKind.OwnerKilled:
                await KillAsync(fault);
                break;
            case FaultKind.HandOver:
            case FaultKind.HandOverBroken:
            case FaultKind.HandOverFails:
                await HandOverAsync(fault, queue);
                break;
            case FaultKind.SeekBack:
            case FaultKind.SeekForward:
            case FaultKind.SeekWithdrawn:
                await SeekAsync(fault, queue, isTriggered);
                break;
            case FaultKind.Pause:
            case FaultKind.Resume:
                Struck(fault);
                Pause(queue, paused: true);
                await _world.Time.Delay(fault.Lasts);
                Pause(queue, paused: false);
                break;
            case FaultKind.RateLimit:
                Struck(fault);
                Limit(fault.Target % Members, 1 + (fault.Amount * 2));
                await _world.Time.Delay(fault.Lasts);
                Limit(fault.Target % Members, 0);
                break;
            case FaultKind.SubscriptionChange:
                Struck(fault);
                Subscribe(fault.Amount % 2);
                await _world.Time.Delay(fault.Lasts);
                Subscribe(null);
                break;
            case FaultKind.MemberJoins:
                await JoinAsync(fault);
                break;
            case FaultKind.MemberLeaves:
                await LeaveAsync(fault);
                break;
            case FaultKind.ListenerCallbackThrows:
                // The queue leaves, and does not wait for ever: that fires the token.
                await _world.Time.Delay(fault.Lasts / 2);
                await HandOverAsync(fault, queue);
                break;
            case FaultKind.Standstill:
                await StandStillAsync(fault, queue);
                break;
            case FaultKind.Recovery:
                Struck(fault);
                Places[queue].Queue?.Pump.Recover();
                break;
            case FaultKind.ResetWhileDown:
                await ResetWhileDownAsync(fault, queue);
                break;
            case FaultKind.StorageForgets:
                Struck(fault);
                _world.Checkpoints.Forget(_world.Queues[queue].Id);
                _world.FailureCounts.Forget(_world.Queues[queue].Id);
                break;
        }
    }

    /// <summary>Another member consumes a few messages from where the store says.</summary>
    private void OtherMember(int queue, int messages)
    {
        _world.Ledgers[queue].OtherMember(messages);
        _world.Attempts.Forget(queue);
    }

    private void Struck(Fault fault) => _world.Struck(fault.Kind, fault.Target);

    private long Somewhere(int queue, int percent)
        => _world.Queues[queue].Min + ((_world.Queues[queue].Max - _world.Queues[queue].Min) * percent / 100);

    private Task CloseFenceAsync(Fault fault, int queue)
    {
        var owner = Places[queue].Queue!.Owner;
        return owner.IsDead
            ? Task.CompletedTask
            : owner.CloseFenceAsync(fault.Lasts, SeededRandom.Of(Setup.Seed, fault.ToString()), atOnce: false);
    }

    private async Task FenceAsync(Fault fault, int queue, bool isTriggered)
    {
        var owner = Places[queue].Queue!.Owner;
        if (owner.IsDead)
        {
            return;
        }

        Struck(fault);
        var closed = owner.CloseFenceAsync(fault.Lasts, SeededRandom.Of(Setup.Seed, fault.ToString()), isTriggered);
        if (fault.Kind == FaultKind.Overtaken && !Setup.NeedsLock && !Setup.Broadcasts)
        {
            await _world.Time.Delay(fault.Lasts / 2);
            if (owner.IsFenceClosed && Places[queue] is { IsMoving: false } place && place.Queue!.Owner == owner)
            {
                OtherMember(queue, 1 + (fault.Amount % 20));
            }
        }

        await closed;
    }

    /// <summary>The broker has forgotten whose the lock is, and another member has it for a while.</summary>
    private async Task TakeLockAsync(Fault fault, int queue)
    {
        var at = _world.Queues[queue];
        if (!Setup.NeedsLock || at.LockHolder is null)
        {
            return;
        }

        Struck(fault);
        at.ForgetLock(_world.Time.Now);
        at.Lock("other member", _world.Time.Now, SimulatedWorld.BrokerLock);
        await _world.Time.Delay(fault.Lasts / 2);
        if (at.LockHolder == "other member")
        {
            OtherMember(queue, 1 + (fault.Amount % 10));
        }

        await _world.Time.Delay(fault.Lasts / 2);
        at.Unlock("other member");
    }

    private async Task KillAsync(Fault fault)
    {
        var index = fault.Target % Members;
        var dead = _members[index];
        if (dead.Owner.IsDead)
        {
            return;
        }

        Struck(fault);
        dead.Owner.Kill();
        foreach (var queue in dead.Running)
        {
            _world.Attempts.OwnerDied(queue.Queue.Index);
        }

        _ = _scheduler.Start($"end of {dead.Owner.Name}", async () =>
        {
            await Task.WhenAll(dead.Running.ToArray().Select(queue => queue.DieAsync()));
            await dead.StopAsync();
        });

        // The others find out after a while, and it comes back as a new member.
        await _world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)));
        TakeForDead(dead, TimeSpan.FromSeconds(3));
        _members[index] = NewMember(index);
    }

    private async Task SeekAsync(Fault fault, int queue, bool isTriggered)
    {
        var place = Places[queue];
        if (place.Queue!.Owner.IsDead || (place.IsMoving && !isTriggered))
        {
            return;
        }

        Struck(fault);
        var (at, asked) = (_world.Queues[queue], place.Queue!);
        var here = at.Stored ?? at.Min;
        var seek = asked.Pump.Seek(fault.Kind == FaultKind.SeekBack
            ? Math.Max(at.Min, here - 1 - fault.Amount)
            : Math.Min(at.Max, here + 1 + fault.Amount));
        var patience = fault.Kind == FaultKind.SeekWithdrawn ? TimeSpan.FromMilliseconds(fault.Amount / 4) : TimeSpan.FromSeconds(3);
        var until = _world.Time.Now + patience.Ticks;
        while (!seek.Done.IsCompleted && _world.Time.Now < until && !asked.Owner.IsDead)
        {
            await _world.Time.Delay(TimeSpan.FromMilliseconds(2));
        }

        if (!seek.Done.IsCompleted && !asked.Owner.IsDead)
        {
            asked.Pump.Withdraw(seek);
        }
    }

    private void Pause(int queue, bool paused)
    {
        _world.IsPaused[queue] = paused;
        if (Places[queue].Queue is { Owner.IsDead: false, IsOver: false } running)
        {
            running.FlowChanged();
        }
    }

    private void Limit(int index, double perSecond)
    {
        var owner = _members[index].Owner;
        owner.Limit(perSecond, () => EachOf(owner, queue => queue.Ready()));
        EachOf(owner, queue => queue.FlowChanged());
    }

    private void EachOf(Owner owner, Action<MemberQueue> act)
    {
        foreach (var place in Places)
        {
            if (place.Queue is { IsOver: false } queue && queue.Owner == owner)
            {
                act(queue);
            }
        }
    }

    private void Subscribe(int? tag)
    {
        _world.WantedTag = tag;
        foreach (var place in Places)
        {
            place.Queue!.Ledger.Subscribed();
            place.Queue.Pump.RestartPull();
        }
    }
}
