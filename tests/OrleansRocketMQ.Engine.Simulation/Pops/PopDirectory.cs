using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>
/// The directory of the queues' grains, those of further shares included: each is at one member at most. Does what the silo side
/// does, and decides nothing.
/// </summary>
internal sealed class PopDirectory(PopWorld world)
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StopBudget = TimeSpan.FromSeconds(2);

    private readonly SeededRandom _random = SeededRandom.Of(world.Setup.Seed, "directory");
    private readonly Dictionary<string, PopMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<MessageQueue, Grain> _grains = [];

    /// <summary>The queues and shares that run somewhere.</summary>
    public IEnumerable<(MessageQueue Queue, IGroupQueue Pump)> Running
        => _grains.Where(static grain => grain.Value.Pump is { IsStopped: false })
            .Select(static grain => (grain.Key, grain.Value.Pump!));

    public void Add(PopMember member) => _members[member.Owner.Name] = member;

    /// <summary>The directory as a member reaches it.</summary>
    public IQueueDirectory For(PopMember member) => new Access(this, member);

    /// <summary>Where a queue runs, and stays for now; null when it is between two members, or nowhere.</summary>
    public (PopMember Member, IGroupQueue Pump)? Find(MessageQueue queue)
        => _grains.GetValueOrDefault(queue) is { IsLeaving: false, Pump: { IsEnding: false } pump, Member.Owner.IsDead: false } grain
            ? (grain.Member, pump)
            : null;

    /// <summary>A member is gone: what it had can begin elsewhere.</summary>
    public void Forget(PopMember member)
    {
        foreach (var (queue, grain) in _grains.Where(grain => grain.Value.Member == member).ToArray())
        {
            Remove(queue, grain);
        }
    }

    /// <summary>Lets a queue go that runs at a member.</summary>
    public async Task ReleaseAsync(PopMember member, IGroupQueue pump, TimeSpan budget)
    {
        await StopAsync(member, pump, budget);
        if (member.Owner.IsDead || _grains.GetValueOrDefault(pump.Queue) is not { IsLeaving: false } grain || grain.Pump != pump)
        {
            return;
        }

        if (HandOverDecisions.Leave(member.Group.View, pump.Queue, isCheckpointOutOfReach: false).GoesAlong)
        {
            Migrate(pump.Queue, grain, to: null);
            await grain.Gone.EndsWithinAsync(Longest, world.Time);
        }
        else
        {
            Remove(pump.Queue, grain);
        }
    }

    private async Task<string?> StartAsync(PopMember caller, MessageQueue queue)
    {
        if (!MayStart(caller, queue))
        {
            return null;
        }

        await TravelAsync(caller.Owner, queue);
        while (true)
        {
            if (!_grains.TryGetValue(queue, out var grain))
            {
                _grains[queue] = grain = new Grain(OwnerSeenBy(caller, queue) is { } owner && IsThere(owner)
                    ? owner
                    : throw new RebalanceException($"{caller.Owner.Name} sees nobody who may have {queue}."));
                grain.IsReady();
            }

            if (!grain.Ready.IsCompleted)
            {
                await WaitAsync(grain.Ready);
                continue;
            }

            if (grain.IsLeaving)
            {
                await WaitAsync(grain.Gone);
                continue;
            }

            if (!IsThere(grain.Member))
            {
                await world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(300)));
                throw new CallFailedException(FaultKind.OwnerKilled);
            }

            string? answer = null;
            await WaitAsync(grain.Member.RunAsync(() =>
            {
                answer = EnsureStarted(queue, grain, caller);
                return Task.CompletedTask;
            }));
            await TravelAsync(caller.Owner, queue);
            return answer;
        }
    }

    /// <summary>A queue is pulled by one member or popped by several, not both at once.</summary>
    private bool MayStart(PopMember caller, MessageQueue queue) => QueueShare.IsFurther(queue)
        ? IsPopped(QueueShare.QueueOf(queue))
        : caller.Pops(queue) is true
            || !_grains.Keys.Any(share => QueueShare.IsFurther(share) && QueueShare.QueueOf(share) == queue && IsPopped(share));

    private bool IsPopped(MessageQueue queue) => _grains.GetValueOrDefault(queue)?.Pump is { IsStopped: false, IsPopped: true };

    private string? EnsureStarted(MessageQueue queue, Grain grain, PopMember caller)
    {
        var here = grain.Member;
        if (_grains.GetValueOrDefault(queue) != grain || grain.IsLeaving || here.Owner.IsDead)
        {
            throw new CallFailedException(FaultKind.HandOver);
        }

        here.Group.NoteHere(caller.Owner.Name);
        var owner = here.Group.View.OwnerHere(queue);
        var answer = HandOverDecisions.AnswerTo(owner, here.Owner.Name, caller.Owner.Name, grain.Pump is { IsStopped: false });
        switch (answer)
        {
            case StartAnswer.StartsHere:
                Start(queue, grain, progress: null);
                break;
            case StartAnswer.GoesToCaller:
                Migrate(queue, grain, caller);
                break;
            case StartAnswer.GoesToOwner:
                Migrate(queue, grain, to: null);
                break;
            case StartAnswer.Ends:
                Remove(queue, grain);
                break;
        }

        return answer is StartAnswer.StartsHere or StartAnswer.StillHere ? here.Owner.Name : null;
    }

    private void Start(MessageQueue queue, Grain grain, QueueArrival? progress)
    {
        var member = grain.Member;
        if (member.Group.IsClosed)
        {
            throw new CallFailedException(FaultKind.MemberLeaves);
        }

        var pops = QueueShare.IsFurther(queue) || member.Pops(queue) is true;
        grain.Pump = member.StartQueue(queue, progress, pops);
        world.Scheduler.Note(pops ? "is popped" : "is pulled", member.Owner.Name, queue.QueueId);
    }

    private async Task StopAsync(PopMember member, IGroupQueue pump, TimeSpan budget)
    {
        var holder = member.HolderOf(pump.Queue);
        var (asked, wasCertain) = (world.Time.Now, pump.IsCertain);
        holder.Left(asked);
        await member.Queues.StopQueueAsync(pump, budget);
        holder.Left(world.Time.Now);
        if (wasCertain && pump is { IsCertain: false, HoldsUncommitted: true })
        {
            holder.CouldNotTell(world.Time.Now);
        }

        if (pump is QueuePump { Progress: { } progress })
        {
            holder.PulledTo(progress.Watermark, world.Time.Now);
        }

        world.Ledger.Left(holder, asked);
    }

    // It answers nobody from now on.
    private void Migrate(MessageQueue queue, Grain grain, PopMember? to)
    {
        grain.IsLeaving = true;
        _ = world.Scheduler.Start($"move of {queue}", () => grain.Member.RunAsync(() => MigrateAsync(queue, grain, to)));
    }

    private async Task MigrateAsync(MessageQueue queue, Grain grain, PopMember? to)
    {
        var from = grain.Member;
        if (grain.Pump is { } running)
        {
            await StopAsync(from, running, StopBudget);
        }

        await world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20)));
        to ??= OwnerSeenBy(from, queue);
        Remove(queue, grain);
        if (to is null || !IsThere(to) || !IsThere(from) || _grains.ContainsKey(queue))
        {
            return;
        }

        var next = _grains[queue] = new Grain(to);
        var progress = (grain.Pump as QueuePump)?.Progress;
        try
        {
            await to.RunAsync(() =>
            {
                Arrive(queue, next, from, progress is null ? null : new QueueArrival(progress, HasCheckpoint: false, IdleSince: 0));
                return Task.CompletedTask;
            });
        }
        finally
        {
            next.IsReady();
        }
    }

    private void Arrive(MessageQueue queue, Grain grain, PopMember from, QueueArrival? arrival)
    {
        if (_grains.GetValueOrDefault(queue) != grain || grain.Pump is not null || grain.Member.Owner.IsDead)
        {
            return;
        }

        if (from.Group.IsClosed)
        {
            grain.Member.Group.NoteLeaving(from.Owner.Name);
        }

        if (grain.Member.Group.IsClosed || !MayStart(grain.Member, queue))
        {
            Remove(queue, grain);
        }
        else
        {
            Start(queue, grain, arrival);
        }
    }

    private void Remove(MessageQueue queue, Grain grain)
    {
        grain.End();
        if (_grains.GetValueOrDefault(queue) == grain)
        {
            _grains.Remove(queue);
        }
    }

    private PopMember? OwnerSeenBy(PopMember asks, MessageQueue queue)
        => asks.Group.View.OwnerHere(queue) is { } owner ? _members.GetValueOrDefault(owner) : null;

    private static bool IsThere(PopMember member) => !member.Owner.CountsAsDead;

    private async Task WaitAsync(Task answer)
    {
        if (!await answer.EndsWithinAsync(Longest, world.Time))
        {
            throw new CallFailedException(FaultKind.Standstill);
        }
    }

    private async Task TravelAsync(Owner owner, MessageQueue queue)
    {
        owner.ThrowIfDead();
        await world.Time.Delay(_random.Between(TimeSpan.FromTicks(500), TimeSpan.FromMilliseconds(4)));
        owner.ThrowIfDead();
        if (owner.IsDeclaredDead)
        {
            throw new CallFailedException(FaultKind.Standstill);
        }

        if (world.Weather.Strikes(FaultKind.StartLost, world.StruckWith(world.Find(QueueShare.QueueOf(queue))).Index))
        {
            await world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(500)));
            throw new CallFailedException(FaultKind.StartLost);
        }
    }

    /// <summary>A queue's grain at a member, be it that the queue has not begun there.</summary>
    private sealed class Grain(PopMember member)
    {
        private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public PopMember Member => member;

        public IGroupQueue? Pump { get; set; }

        public bool IsLeaving { get; set; }

        /// <summary>Ends when it is here no more.</summary>
        public Task Gone => _gone.Task;

        /// <summary>Ends when it has what came along: no call reaches a grain before.</summary>
        public Task Ready => _ready.Task;

        public void IsReady() => _ready.TrySetResult();

        public void End()
        {
            IsReady();
            _gone.TrySetResult();
        }
    }

    private sealed class Access(PopDirectory directory, PopMember member) : IQueueDirectory
    {
        public string Here => member.Owner.Name;

        public Task<string?> StartAsync(MessageQueue queue) => directory.StartAsync(member, queue);

        public Task ReleaseAsync(IGroupQueue pump, TimeSpan budget) => directory.ReleaseAsync(member, pump, budget);
    }
}
