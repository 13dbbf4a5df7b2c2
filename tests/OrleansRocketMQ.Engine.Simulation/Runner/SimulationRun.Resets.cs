using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>Offsets that somebody resets at the broker while nobody has the queue.</summary>
internal sealed partial class SimulationRun
{
    private const int MostGoneBack = 12;

    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    // Two rounds of the loop that writes down what is done beyond commits, and removes what says less than those.
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(700);

    /// <summary>
    /// What a member had written down of the queue must be gone by then: it would hide what the operator wants again. Where the
    /// storage has failed it may still be there, and so it may where each place has a storage of its own; nothing is asked there.
    /// </summary>
    private async Task ResetWhileDownAsync(Fault fault, int queue)
    {
        var (place, at) = (Places[queue], _world.Queues[queue]);
        var until = _world.Time.Now + Quiet.Ticks;
        _quietUntil[queue] = until;
        var (rests, since) = (place.Queue, _world.Time.Now);
        while (_world.Time.Now - since < Rest.Ticks)
        {
            await _world.Time.Delay(TimeSpan.FromMilliseconds(20));
            if (_world.Time.Now > until || (Setup.HasCheckpoints && (Setup.HasLocalCheckpoints || !_world.Trouble.IsStorageSound)))
            {
                return;
            }

            if (place.IsMoving || place.Queue != rests || !MayCommit(rests!) || !IsThrough(queue, rests!))
            {
                (rests, since) = (place.Queue, _world.Time.Now);
            }
        }

        var index = rests!.Owner.Index;
        if (index >= Members || _members[index] != rests.Member || rests.Owner.IsDead || at.Messages.Count == 0)
        {
            return;
        }

        Struck(fault);
        var taken = KillAsync(fault with { Kind = FaultKind.OwnerKilled, Target = index });
        var offset = Math.Max(at.Min, at.Messages[Math.Max(0, at.Messages.Count - 1 - (fault.Amount % MostGoneBack))].Offset);
        at.Store(offset, isMove: true);
        _world.Ledgers[queue].MoveHolds(offset);
        await taken;
    }

    // Who may not commit removes nothing, either.
    private static bool MayCommit(MemberQueue queue)
        => !queue.Owner.IsFenceClosed && queue.State is { MayStore: true, IsPositioned: true, Move: null };

    // And its owner has heard so: what it has written down stays until then.
    private bool IsThrough(int queue, MemberQueue at) => _world.Ledgers[queue].IsThrough
        && _world.Queues[queue].Stored == _world.Queues[queue].Max && at.Pump.Snapshot().CommittedOffset == _world.Queues[queue].Max;
}
