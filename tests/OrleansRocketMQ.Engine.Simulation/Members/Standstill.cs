using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>
/// Takes the steps of one member to the run's scheduler, and none while the member stands still, as a process does whose
/// machine is paused. What its timers call waits as long.
/// </summary>
internal sealed class Standstill : TaskScheduler
{
    private readonly SimulatedScheduler _run;
    private readonly List<Action> _held = [];

    public Standstill(SimulatedScheduler run)
    {
        _run = run;
        Time = new MemberTime(this);
    }

    /// <summary>The member's clock. It shows after a standstill how much time has passed.</summary>
    public TimeProvider Time { get; }

    public bool IsFrozen { get; private set; }

    public override int MaximumConcurrencyLevel => 1;

    public void Freeze() => IsFrozen = true;

    public void Thaw()
    {
        IsFrozen = false;
        foreach (var step in _held)
        {
            Start(step);
        }

        _held.Clear();
    }

    protected override void QueueTask(Task task) => Start(() => TryExecuteTask(task));

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => [];

    private void Start(Action step) => new Task(() => Take(step), CancellationToken.None).Start(_run);

    private void Take(Action step)
    {
        if (IsFrozen)
        {
            _held.Add(step);
        }
        else
        {
            step();
        }
    }

    private sealed class MemberTime(Standstill standstill) : TimeProvider
    {
        public override long TimestampFrequency => Real.TimestampFrequency;

        public override TimeZoneInfo LocalTimeZone => Real.LocalTimeZone;

        private SimulatedTime Real => standstill._run.Time;

        public override long GetTimestamp() => Real.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => Real.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
            => Real.CreateTimer(with => standstill.Take(() => callback(with)), state, dueTime, period);
    }
}

/// <summary>The cluster's table of its members, as one of them reads it.</summary>
internal sealed class SimulatedMembership(SimulatedWorld world, Owner owner) : IMembership
{
    private readonly SeededRandom _random = SeededRandom.Of(world.Setup.Seed, $"membership of {owner.Name}");

    public bool IsDead { get; private set; }

    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        var asked = world.Time.Now;
        await world.Time.Delay(_random.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(150)), cancellationToken);
        IsDead |= owner.IsDeclaredDead;
        if (!IsDead)
        {
            owner.CountedInAt(asked);
        }
    }
}

/// <summary>
/// Closed while the run has closed it, and whenever the engine's own fence is: by that, whether the member has stood still.
/// </summary>
internal sealed class FenceOfBoth(Owner owner, IFence engine) : IFence
{
    public event Action<bool>? Changed
    {
        add { }
        remove { }
    }

    public bool IsClosed => owner.IsFenceClosed || engine.IsClosed;

    public async Task WaitUntilOpenAsync(CancellationToken cancellationToken)
    {
        while (IsClosed)
        {
            await engine.WaitUntilOpenAsync(cancellationToken);
            await owner.WaitUntilOpenAsync(cancellationToken);
        }
    }
}
