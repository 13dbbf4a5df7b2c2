using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Offsets;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>What is written down of the queue beyond its commits.</summary>
internal sealed partial class QueuePump
{
    private readonly QueueCheckpoint? _checkpoint;
    private SeenMessage? _newest;

    /// <summary>Whether something may be written down of the queue that must go when the queue leaves the cluster.</summary>
    public bool HasCheckpoint => _checkpoint is { MayExist: true };

    /// <summary>Whether the queue's next owner, on another silo, cannot see what is written down.</summary>
    public bool HasCheckpointOfItsOwn => HasCheckpoint && _environment.Checkpoints is { AreLocal: true };

    /// <inheritdoc/>
    public bool MayHaveCheckpointNews
        => _checkpoint is not null && (_checkpoint.MayExist || Runs.Window.MayHaveDoneBeyond(_commits.Committed));

    /// <summary>Writes down what is done beyond the last commit, if there is news, or removes what says less than the commit.</summary>
    /// <exception cref="OffsetException">The storage did not take it; it is tried again next time.</exception>
    /// <returns>Whether there was anything to write or remove.</returns>
    public Task<bool> WriteCheckpointAsync() => _checkpoint?.WriteAsync(LookAtProgress) ?? Task.FromResult(false);

    /// <summary>What was done before says nothing about what is to be done from now on, here or elsewhere.</summary>
    /// <param name="orLeaveIt">Whether things go on when the storage does not remove it. It is tried again with the next writes.</param>
    /// <exception cref="OffsetException">The storage did not remove it.</exception>
    public Task ClearCheckpointAsync(bool orLeaveIt) => _checkpoint is null
        ? Task.CompletedTask
        : _runtime.Scheduler.Run(() => ClearAsync(_checkpoint, orLeaveIt));

    private static async Task ClearAsync(QueueCheckpoint checkpoint, bool orLeaveIt)
    {
        try
        {
            await checkpoint.ClearAsync();
        }
        catch (OffsetException exception) when (orLeaveIt)
        {
            checkpoint.TellNotCleared(exception);
        }
    }

    // The newest message is looked at before the window: what the window says it has seen goes at least as far.
    private (AckSnapshot Progress, long Committed, SeenMessage? Newest)? LookAtProgress()
    {
        var newest = Volatile.Read(ref _newest);
        return State.Move is null && Committable() >= 0 && _commits.Committed is >= 0 and var committed
            ? (Runs.Window.Snapshot(), committed, newest)
            : null;
    }

    private void NoteNewest()
    {
        if (_checkpoint is not null && _pulled is [.., var newest])
        {
            Volatile.Write(ref _newest, new SeenMessage(newest.QueueOffset, newest.MessageId));
        }
    }
}
