using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Queues;

/// <summary>A queue as the management interface tells it, out of the engine's snapshot.</summary>
internal static class QueueDescriptions
{
    public static QueueStatus Describe(this IGroupQueue pump)
    {
        var snapshot = pump.Snapshot();
        return new QueueStatus
        {
            Queue = snapshot.Queue,
            Owner = snapshot.Owner,
            CommittedOffset = snapshot.CommittedOffset,
            Watermark = snapshot.Watermark,
            NextPullOffset = snapshot.NextPullOffset,
            MaxOffset = snapshot.MaxOffset,
            CachedMessages = snapshot.CachedMessages,
            CachedBytes = snapshot.CachedBytes,
            InFlight = snapshot.InFlight,
            CachedMinOffset = snapshot.CachedMinOffset,
            CachedMaxOffset = snapshot.CachedMaxOffset,
            LastPulledAt = snapshot.LastPulledAt,
            LastConsumedAt = snapshot.LastConsumedAt,
            LastError = snapshot.LastError,
            IsPaused = snapshot.IsPaused,
            HasFailed = snapshot.HasFailed,
            Figures = snapshot.Totals.ToFigures(),
            Slowest = snapshot.Slowest is { } slowest
                ? new RunningMessageStatus { MessageId = slowest.MessageId, Offset = slowest.Offset, Age = slowest.Age }
                : null,
            Lock = snapshot.IsLocked switch
            {
                null => QueueLockState.None,
                true => QueueLockState.Held,
                false => QueueLockState.Awaited,
            },
            Orderly = snapshot.Orderly is { } orderly ? Describe(orderly) : null,
            Popped = snapshot.Popped is { } popped
                ? new PoppedQueueStatus
                {
                    Unacknowledged = popped.Unacknowledged,
                    Late = popped.Late,
                    Lost = popped.Lost,
                    IsInOrder = popped.IsInOrder,
                }
                : null,
            Keys = snapshot.Keys is { } keys ? Describe(keys) : null,
        };
    }

    private static OrderlyQueueStatus Describe(OrderlySnapshot orderly) => new()
    {
        IsLocked = orderly.IsLocked,
        IsSuspended = orderly.IsSuspended,
        UncommittedMessages = orderly.UncommittedMessages,
        Failing =
        [
            .. orderly.Failing.Select(
                failing => new FailingMessageStatus { Offset = failing.Offset, MessageId = failing.MessageId, Failures = failing.Count }),
        ],
        ParkedKeys =
        [
            .. orderly.ParkedKeys.Select(
                key => new ParkedKeyStatus { Key = key.Key, Messages = key.Messages, FirstOffset = key.FirstOffset }),
        ],
    };

    private static KeyedQueueStatus Describe(KeyOrderedSnapshot keys) => new()
    {
        BlockedKeys = keys.BlockedKeys,
        BlockedMessages = keys.BlockedMessages,
        BlockedKey = keys.BlockedKey,
        Failures = keys.Failures,
        LastError = keys.LastError,
    };
}
