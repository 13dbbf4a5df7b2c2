using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>Where a queue is.</summary>
internal sealed class Place(int index)
{
    public int Index => index;

    /// <summary>The queue as it runs, or ran last.</summary>
    public MemberQueue? Queue { get; set; }

    /// <summary>Who has it by the directory; null when nobody does.</summary>
    public Activation? Activation { get; set; }

    /// <summary>What becomes of its next move; null when that goes well.</summary>
    public FaultKind? NextMove { get; set; }

    /// <summary>Whether it does not run anywhere, or is just ending.</summary>
    public bool IsMoving => Activation is not { IsLeaving: false, Queue: { IsStopAsked: false, Owner.IsDead: false } };
}

/// <summary>A queue's grain at a member, be it that the queue has not begun there.</summary>
internal sealed class Activation(Member member)
{
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Member Member => member;

    public MemberQueue? Queue { get; set; }

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

/// <summary>
/// The directory of the queues' grains: each is at one member at most, but for those of members that were declared dead. Does
/// what the silo side does, and decides nothing.
/// </summary>
internal sealed class SimulatedDirectory(SimulatedWorld world)
{
    public const string TakesAlong = "a queue that moves within the cluster takes along how far it is";

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StopBudget = TimeSpan.FromSeconds(2);

    private readonly SeededRandom _random = SeededRandom.Of(world.Setup.Seed, "directory");
    private readonly Dictionary<string, Member> _members = new(StringComparer.Ordinal);

    public Place[] Places { get; } = [.. world.Queues.Select(queue => new Place(queue.Index))];

    public void Add(Member member) => _members[member.Owner.Name] = member;

    /// <summary>The directory as a member reaches it.</summary>
    public IQueueDirectory For(Member member) => new Access(this, member);

    /// <summary>A member is gone: what it had can begin elsewhere.</summary>
    public void Forget(Member member)
    {
        foreach (var place in Places.Where(place => place.Activation?.Member == member))
        {
            Remove(place, place.Activation!);
        }
    }

    /// <summary>A queue's grain ends where it is, and takes nothing along.</summary>
    public static Task DeactivateAsync(Place place) => place.Activation is { IsLeaving: false } activation
        ? activation.Member.RunAsync(async () =>
        {
            await EndAsync(activation);
            Remove(place, activation);
        })
        : Task.CompletedTask;

    /// <summary>Lets a queue go that has stopped, and ends when its grain is gone.</summary>
    public async Task HandOverAsync(Member member, MemberQueue queue, TimeSpan budget)
    {
        var activation = Places[queue.Queue.Index].Activation;
        await ReleaseAsync(member, queue, budget);
        if (activation?.Member == member && !member.Owner.IsDead)
        {
            // The queue itself has stopped; its grain follows, or is forgotten with its member.
            await activation.Gone.EndsWithinAsync(Longest, world.Time);
        }
    }

    private async Task<string?> StartAsync(Member caller, MessageQueue id)
    {
        var place = Places[world.Find(id).Index];
        await TravelAsync(caller.Owner, place);
        while (true)
        {
            var activation = place.Activation ??= NewFor(caller, id);
            if (!activation.Ready.IsCompleted)
            {
                await WaitAsync(activation.Ready);
                continue;
            }

            if (activation.IsLeaving)
            {
                await WaitAsync(activation.Gone);
                continue;
            }

            if (!IsThere(activation.Member))
            {
                await world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(300)));
                throw new CallFailedException(FaultKind.OwnerKilled);
            }

            string? answer = null;
            await WaitAsync(activation.Member.RunAsync(() =>
            {
                answer = EnsureStarted(place, activation, caller);
                return Task.CompletedTask;
            }));
            await TravelAsync(caller.Owner, place);
            return answer;
        }
    }

    private Activation NewFor(Member caller, MessageQueue id)
    {
        var activation = new Activation(OwnerSeenBy(caller, id) is { } owner && IsThere(owner)
            ? owner
            : throw new RebalanceException($"{caller.Owner.Name} sees nobody who may have {id}."));
        activation.IsReady();
        return activation;
    }

    private string? EnsureStarted(Place place, Activation activation, Member caller)
    {
        var here = activation.Member;
        if (place.Activation != activation || activation.IsLeaving || here.Owner.IsDead)
        {
            throw new CallFailedException(FaultKind.HandOver);
        }

        here.Group.NoteHere(caller.Owner.Name);
        var owner = here.Group.View.OwnerHere(world.Queues[place.Index].Id);
        var answer = HandOverDecisions.AnswerTo(
            owner, here.Owner.Name, caller.Owner.Name, activation.Queue is { Pump.IsStopped: false });
        switch (answer)
        {
            case StartAnswer.StartsHere:
                Start(place, activation, before: null);
                break;
            case StartAnswer.GoesToCaller:
                Migrate(place, activation, caller);
                break;
            case StartAnswer.GoesToOwner:
                Migrate(place, activation, to: null);
                break;
            case StartAnswer.Ends:
                Remove(place, activation);
                break;
        }

        return answer is StartAnswer.StartsHere or StartAnswer.StillHere ? here.Owner.Name : null;
    }

    private async Task ReleaseAsync(Member member, MemberQueue queue, TimeSpan budget)
    {
        await queue.StopAsync(budget);
        var departure = HandOverDecisions.Leave(member.Group.View, queue.Queue.Id, queue.Pump.HasCheckpointOfItsOwn);
        if (departure.ClearsCheckpoint)
        {
            await queue.Pump.ClearCheckpointAsync(orLeaveIt: true);
        }

        var place = Places[queue.Queue.Index];
        if (place.Activation is not { IsLeaving: false } activation || activation.Queue != queue || member.Owner.IsDead)
        {
            return;
        }

        if (departure.GoesAlong)
        {
            Migrate(place, activation, to: null);
            return;
        }

        // All members are of one cluster; a member that takes another one for a stranger would lose what it has done.
        // One that leaves before any look of its own has shown it the queue knows nobody to give it to.
        if (member.Group.View.OwnerOf(queue.Queue.Id) is { } next)
        {
            queue.Ledger.Fail(TakesAlong, $"{queue.Name} ends for good, and {next} is to have it");
        }
    }

    // It answers nobody from now on.
    private void Migrate(Place place, Activation activation, Member? to)
    {
        activation.IsLeaving = true;
        _ = world.Scheduler.Start($"move of {place.Index}", () => activation.Member.RunAsync(() => MigrateAsync(place, activation, to)));
    }

    private async Task MigrateAsync(Place place, Activation activation, Member? to)
    {
        var from = activation.Member;
        await EndAsync(activation);
        var before = activation.Queue?.Leave(from.Group.Wanted, from.Group.IsClosed);
        await world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20)));
        to ??= OwnerSeenBy(from, world.Queues[place.Index].Id);
        var (fault, isOurs) = (place.NextMove, place.Activation == activation);
        place.NextMove = null;
        if (!isOurs || !IsThere(from))
        {
            Remove(place, activation);
            return;
        }

        if (before is not null)
        {
            CheckTaker(activation.Queue!, from, to);
        }

        if (to is null || !IsThere(to))
        {
            Remove(place, activation);
            return;
        }

        var next = place.Activation = new Activation(to);
        activation.End();
        try
        {
            if (before is not null && fault != FaultKind.HandOverBroken)
            {
                await to.RunAsync(() => Arrive(place, next, before, from, isTaken: fault != FaultKind.HandOverFails));
            }
        }
        finally
        {
            next.IsReady();
        }
    }

    /// <summary>A planned move repeats nothing: only a taker that is dead, or leaves itself, may lose what comes along.</summary>
    private static void CheckTaker(MemberQueue queue, Member from, Member? to)
    {
        if (to is null || (to == from && from.Group.IsClosed))
        {
            queue.Ledger.Fail(TakesAlong, $"{queue.Name} moves, and {from.Owner.Name} knows nobody else who takes it");
        }
    }

    private Task Arrive(Place place, Activation activation, HandedOver before, Member from, bool isTaken)
    {
        if (place.Activation != activation || activation.Member.Owner.IsDead)
        {
            return Task.CompletedTask;
        }

        var group = activation.Member.Group;
        if (before.FromLeaves)
        {
            group.NoteLeaving(from.Owner.Name);
        }

        if (before.Wanted is { } wanted)
        {
            group.Told(wanted);
        }

        if (isTaken && !group.IsClosed)
        {
            Start(place, activation, before);
        }
        else
        {
            // It has taken the queue and all that came along, and does not start.
            Remove(place, activation);
        }

        return Task.CompletedTask;
    }

    private void Start(Place place, Activation activation, HandedOver? before)
    {
        var member = activation.Member;
        var running = member.Running.FirstOrDefault(queue => queue.Queue.Index == place.Index);
        if (member.Group.IsClosed || running is { IsStopAsked: true })
        {
            throw new CallFailedException(FaultKind.MemberLeaves);
        }

        if (running is null)
        {
            activation.Queue = place.Queue = new MemberQueue(world, member, world.Queues[place.Index], before);
            place.Queue.Start();
        }
    }

    private static async Task EndAsync(Activation activation)
    {
        activation.IsLeaving = true;
        if (activation.Queue is { } running)
        {
            await running.StopAsync(StopBudget);
        }
    }

    private static void Remove(Place place, Activation activation)
    {
        activation.End();
        if (place.Activation == activation)
        {
            place.Activation = null;
        }
    }

    // In a group whose members all have every queue each keeps to itself.
    private Member? OwnerSeenBy(Member asks, MessageQueue id)
        => asks.Group.View.OwnerHere(id) is { } owner ? _members.GetValueOrDefault(owner) : null;

    private static bool IsThere(Member member) => !member.Owner.CountsAsDead;

    private async Task WaitAsync(Task answer)
    {
        if (!await answer.EndsWithinAsync(Longest, world.Time))
        {
            throw new CallFailedException(FaultKind.Standstill);
        }
    }

    private async Task TravelAsync(Owner owner, Place place)
    {
        owner.ThrowIfDead();
        await world.Time.Delay(_random.Between(TimeSpan.FromTicks(500), TimeSpan.FromMilliseconds(4)));
        owner.ThrowIfDead();
        if (owner.IsDeclaredDead)
        {
            throw new CallFailedException(FaultKind.Standstill);
        }

        if (world.Strikes(FaultKind.StartLost, place.Index))
        {
            await world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(500)));
            throw new CallFailedException(FaultKind.StartLost);
        }
    }

    private sealed class Access(SimulatedDirectory directory, Member member) : IQueueDirectory
    {
        public string Here => member.Owner.Name;

        public Task<string?> StartAsync(MessageQueue queue) => directory.StartAsync(member, queue);

        public Task ReleaseAsync(IGroupQueue pump, TimeSpan budget)
            => directory.ReleaseAsync(member, member.Running.First(queue => queue.Pump == pump), budget);
    }
}
