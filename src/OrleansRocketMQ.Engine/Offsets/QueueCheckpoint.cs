using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>
/// What one queue has done beyond its commit, kept where it outlives the silo: a crash then repeats what was done since
/// the last checkpoint, and not everything behind the oldest unfinished message. It only ever spares work: where it is
/// missing or cannot be read, messages come again. Thread-safe.
/// </summary>
internal sealed partial class QueueCheckpoint(
    IRecordStorage<CheckpointRecord> storage, MessageQueue queue, string group, EngineRuntime runtime, ILogger logger)
{
    // A queue does not stand still for longer than this in order to spare some messages a second time.
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(3);

    // Nobody waits for a write; but one that is never answered must not keep the next from its turn.
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(10);

    private readonly AsyncTurns _turn = new();
    private IStoredRecord<CheckpointRecord>? _record;
    private (long Committed, long Watermark, long SeenTo, int Unfinished) _last;

    /// <summary>Whether there may be a record; such a one must go when the queue does not go on in this cluster.</summary>
    public bool MayExist { get; set; }

    /// <summary>
    /// What a former owner had done, as far as it holds when the store says <paramref name="offset"/>; null when nothing is
    /// known.
    /// </summary>
    public async Task<DoneBefore?> FindAsync(long offset, CancellationToken cancellationToken)
    {
        try
        {
            var record = await InTurnAsync(() => ReadAsync(cancellationToken), cancellationToken).WaitAsync(
                ReadTimeout, runtime.Time, cancellationToken);
            return record.Value is { } stored && offset >= stored.Committed && offset < stored.Progress.SeenTo
                ? new DoneBefore(stored.Progress.From(offset), stored.Newest)
                : null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // What could not be read may be there, and must be gone before it is older than the commits.
            MayExist = true;
            Log.NotRead(logger, group, queue.Topic, queue.BrokerName, queue.QueueId, exception.Message);
            return null;
        }
    }

    /// <summary>
    /// Writes down how far the queue is, if that is news. Once nothing is done beyond the commit, what was written down goes:
    /// should somebody move the store's offset back to where it holds, it would hide what he wants again.
    /// </summary>
    /// <param name="look">Looks how far the queue is, what is committed of it, and what came last; null when nothing is to be kept.</param>
    /// <exception cref="OffsetException">The storage did not take it.</exception>
    /// <returns>Whether there was anything to write or remove.</returns>
    public Task<bool> WriteAsync(Func<(AckSnapshot Progress, long Committed, SeenMessage? Newest)?> look) => InTurnAsync(
        async () =>
        {
            // Looked at in turn, so that what is written is never older than what was.
            if (look() is not var (progress, committed, newest))
            {
                return false;
            }

            if (!progress.HasDoneBeyond(committed))
            {
                return await RemoveAsync();
            }

            var mark = (committed, progress.Watermark, progress.SeenTo, progress.Unfinished.Length);
            if (mark == _last)
            {
                return false;
            }

            var seen = newest?.Offset < progress.SeenTo ? newest : null;
            var value = new CheckpointRecord(committed, progress, seen);
            await StoreAsync(
                record => StorageTime.LimitAsync(token => record.WriteAsync(value, token), WriteTimeout, runtime, CancellationToken.None));
            (_last, MayExist) = (mark, true);
            return true;
        },
        CancellationToken.None);

    /// <summary>
    /// Forgets what was written down: the queue is moved, or leaves the cluster, and what was done before says nothing about
    /// what is to be done then.
    /// </summary>
    /// <exception cref="OffsetException">
    /// It may be there still. <see cref="MayExist"/> stays, and the next write removes or replaces it.
    /// </exception>
    public async Task ClearAsync()
    {
        try
        {
            await InTurnAsync(RemoveAsync, CancellationToken.None).WaitAsync(ReadTimeout, runtime.Time);
        }
        catch (TimeoutException exception)
        {
            throw new OffsetException(
                queue, $"its checkpoint could not be removed: no answer within {ReadTimeout.TotalSeconds} s", exception);
        }
    }

    /// <summary>The removal failed, and things go on all the same.</summary>
    public void TellNotCleared(Exception exception)
        => Log.NotCleared(logger, group, queue.Topic, queue.BrokerName, queue.QueueId, exception.Message);

    private async Task<bool> RemoveAsync()
    {
        if (!MayExist)
        {
            return false;
        }

        await StoreAsync(record => record.Value is null
            ? Task.CompletedTask
            : StorageTime.LimitAsync(record.ClearAsync, ReadTimeout, runtime, CancellationToken.None));
        (_last, MayExist) = (default, false);
        return true;
    }

    private async Task<IStoredRecord<CheckpointRecord>> ReadAsync(CancellationToken cancellationToken)
    {
        IStoredRecord<CheckpointRecord>? record = null;
        await StorageTime.LimitAsync(
            async token => record = await storage.ReadAsync(queue, token), ReadTimeout, runtime, cancellationToken);
        _record = record;
        MayExist |= record!.Value is not null;
        return record;
    }

    private async Task StoreAsync(Func<IStoredRecord<CheckpointRecord>, Task> store)
    {
        try
        {
            await store(_record ?? await ReadAsync(CancellationToken.None));
        }
        catch (Exception exception)
        {
            // Somebody else may have written, or it was written after all: what is there is read before the next attempt.
            (_record, MayExist) = (null, true);
            throw new OffsetException(queue, $"its checkpoint could not be stored: {exception.Message}", exception);
        }
    }

    private async Task<T> InTurnAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken)
    {
        await _turn.TakeAsync(cancellationToken);
        try
        {
            return await work();
        }
        finally
        {
            _turn.Release();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            222,
            LogLevel.Warning,
            "Group {Group} goes on with {Topic} {Broker}/{QueueId} without its checkpoint; if its last owner crashed, some messages "
            + "may come again: {Reason}")]
        public static partial void NotRead(ILogger logger, string group, string topic, string broker, int queueId, string reason);

        [LoggerMessage(223, LogLevel.Warning, "Group {Group} could not remove the checkpoint of {Topic} {Broker}/{QueueId}: {Reason}")]
        public static partial void NotCleared(ILogger logger, string group, string topic, string broker, int queueId, string reason);
    }
}

/// <summary>What a checkpoint shows to be done.</summary>
/// <param name="Progress">How far the queue was.</param>
/// <param name="Newest">A message the broker must still have; null when none is known.</param>
internal sealed record DoneBefore(AckSnapshot Progress, SeenMessage? Newest);
