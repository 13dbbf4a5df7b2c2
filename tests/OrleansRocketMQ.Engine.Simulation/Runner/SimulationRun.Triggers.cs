using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>When faults begin: by the clock, or when a queue enters a state.</summary>
internal sealed partial class SimulationRun
{
    private async Task HappenAsync(Fault fault)
    {
        await _world.Time.Delay(_world.Time.Until(fault.At.Ticks));
        var queue = fault.Target % Places.Length;
        if (fault.When is not { } when)
        {
            await ActAsync(fault, queue, isTriggered: false);
            return;
        }

        switch (fault.Kind)
        {
            case FaultKind.SeekWithdrawn:
                await WithdrawInAsync(fault, queue, when);
                return;
            case FaultKind.Resume:
                await ResumeInAsync(fault, queue, when);
                return;
        }

        // Some wait for the second time: for what only comes when something has failed before.
        for (var times = fault.Amount % 3 == 0 ? 2 : 1; times > 0; times--)
        {
            if (!await _world.Triggers.WaitAsync(queue, when))
            {
                return;
            }
        }

        await LingerAsync(fault, when);
        var begun = fault with { At = TimeSpan.FromTicks(_world.Time.Now), When = null };
        _world.Begin(begun);
        await ActAsync(begun, queue, isTriggered: true);
    }

    /// <summary>At once, or a little later, as states last a moment only or longer.</summary>
    private Task LingerAsync(Fault fault, string when)
    {
        var random = SeededRandom.Of(Setup.Seed, $"linger {fault}");
        var isMoment = when is "end" or Triggers.ResetTold or Triggers.LockGranted;
        return isMoment || random.Chance(60)
            ? Task.CompletedTask
            : _world.Time.Delay(random.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20)));
    }

    /// <summary>
    /// Somebody asks for a seek, and gives up waiting just when the queue enters a state; the seek may have come true a moment
    /// before.
    /// </summary>
    private async Task WithdrawInAsync(Fault fault, int queue, string when)
    {
        if (Places[queue] is not { IsMoving: false, Queue: { Owner.IsDead: false } asked })
        {
            return;
        }

        Struck(fault);
        var at = _world.Queues[queue];
        var seek = asked.Pump.Seek(Math.Min(at.Max, (at.Stored ?? at.Min) + 1 + (fault.Amount / 4)));
        await _world.Triggers.WaitAsync(queue, when);
        await LingerAsync(fault, when);
        if (!asked.Owner.IsDead)
        {
            asked.Pump.Withdraw(seek);
        }
    }

    /// <summary>A queue is paused, and resumed when it enters a state.</summary>
    private async Task ResumeInAsync(Fault fault, int queue, string when)
    {
        Pause(queue, paused: true);
        await _world.Triggers.WaitAsync(queue, when);
        await LingerAsync(fault, when);
        Struck(fault);
        Pause(queue, paused: false);
    }

    private async Task EndTriggersAsync()
    {
        await _world.Time.Delay(Setup.Active);
        _world.Triggers.End();
    }
}
