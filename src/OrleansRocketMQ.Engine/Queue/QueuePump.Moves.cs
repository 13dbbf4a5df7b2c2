using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// Goes on at another offset: because somebody asked for it, because the broker demands it, or because another member
/// came there. The store gets the offset at once; then what no listener has is dropped, and what listeners have is waited for.
/// </summary>
internal sealed partial class QueuePump
{
    private int _toldMove;
    private int _clearedForMove;

    /// <summary>
    /// The store gets the offset, be it lower. One that does not take what the broker demands gets it later: asking on for an
    /// offset that the broker does not have would only go on until there are messages beyond it, which then are lost.
    /// </summary>
    private async Task StoreMoveAsync(QueueMove move)
    {
        if (NoteFence())
        {
            return;
        }

        if (_toldMove != move.Number)
        {
            _toldMove = move.Number;
            TellOf(move);
        }

        await ClearCheckpointForAsync(move);
        await TellStoreAsync(move, _stopping.Token);
    }

    /// <summary>
    /// Gone before the store knows: what was done says nothing about what is to be done again. Where somebody wants the messages
    /// and may be told that he cannot have them yet, a record that stays would hide them after a crash.
    /// </summary>
    private async Task ClearCheckpointForAsync(QueueMove move)
    {
        await ClearCheckpointAsync(orLeaveIt: move.Reason == MoveReason.Reset);
        _clearedForMove = move.Number;
    }

    private Task TellStoreAsync(QueueMove move, CancellationToken cancellationToken) => _commits.MoveAsync(
        move.Offset,
        isWanted: () => MayStore(move),
        stored: () => Raise(QueueEvent.OffsetStored(move.Number)),
        cancellationToken,
        // One that must look who went on meanwhile would take the offset that the store still has for another member's.
        evenIfNotStored: () => move.Reason == MoveReason.Reset && State.MayStore);

    /// <summary>Asked when it is this queue's turn to tell the store: from then on the move cannot be withdrawn.</summary>
    private bool MayStore(QueueMove move)
    {
        if (!Ownership.IsValid || _environment.Fence.IsClosed || !State.MayStore || State.Move?.Number != move.Number)
        {
            return false;
        }

        Raise(QueueEvent.StoreBegun(move.Number));
        return State.Move is { Step: MoveStep.Storing } now && now.Number == move.Number;
    }

    /// <summary>Begins at the new offset once no listener has a message of before.</summary>
    private async Task ArriveAsync(QueueState state)
    {
        var move = state.Move!;
        Runs.DropWaiting();

        // What fails in order may stand still for long, or for ever: as in Java it is not waited for.
        if (!_environment.Dispatcher.KeepsFailedMessages)
        {
            bool IsOver() => Runs.InFlight == 0 || !ReferenceEquals(State, state);
            await _pullFlow.WaitAsync(IsOver, most: null, _ownership.Pulling);
        }

        if (!ReferenceEquals(State, state))
        {
            return;
        }

        // The turn may come late, and the next window must know of all that has ended until then.
        if (move.Reason == MoveReason.Overtaken)
        {
            await _commits.ForgetAsync(() => BeginAt(AfterOvertaken(move.Offset), move), _stopping.Token);
        }
        else
        {
            await _commits.InTurnAsync(() => BeginAt(new ProcessQueue(move.Offset, _holdings), move), _stopping.Token);
        }
    }

    /// <summary>The window of before a seek or a reset says nothing of what is to be done since.</summary>
    private ProcessQueue AfterOvertaken(long offset) => State.IsPositioned
        ? new ProcessQueue(Runs.Window.Snapshot().From(offset), _holdings)
        : new ProcessQueue(offset, _holdings);

    private void BeginAt(ProcessQueue window, QueueMove move)
    {
        Runs.Restart(window);
        Volatile.Write(ref _nextOffset, window.Watermark);
        Raise(QueueEvent.ListenersDone(move.Number));
    }

    private void TellOf(QueueMove move)
    {
        var from = Volatile.Read(ref _nextOffset);
        if (move.Reason == MoveReason.Reset)
        {
            Log.OffsetMoved(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, from, move.Offset);
        }
        else
        {
            Log.Reset(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, from, move.Offset);
        }
    }
}
