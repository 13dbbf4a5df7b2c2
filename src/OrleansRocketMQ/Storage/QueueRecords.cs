using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Checkpoints;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using MessageFailures = OrleansRocketMQ.Engine.Contracts.MessageFailures;
using StoredFailures = OrleansRocketMQ.Dispatch.Orderly.MessageFailures;

namespace OrleansRocketMQ.Storage;

/// <summary>What is kept of queues in grain storage beside offsets.</summary>
internal static class QueueRecords
{
    public static IRecordStorage<CheckpointRecord> Checkpoints(IGrainStorage storage, Func<MessageQueue, GrainId> grainOf)
        => new GrainRecordStorage<CheckpointRecord, StoredCheckpoint>(
            storage,
            "checkpoint",
            grainOf,
            static (queue, record) => StoredCheckpoint.Of(queue, record.Committed, record.Progress, record.Newest),
            static stored => stored.ToRecord());

    public static IRecordStorage<FailureList> Failures(IGrainStorage storage, Func<MessageQueue, GrainId> grainOf)
        => new GrainRecordStorage<FailureList, FailureRecord>(
            storage,
            "failures",
            grainOf,
            static (_, list) => new FailureRecord
            {
                Messages =
                [
                    .. list.Messages.Select(failures => new StoredFailures(failures.Offset, failures.MessageId, failures.Count)
                    {
                        First = failures.First,
                    }),
                ],
            },
            static stored => new FailureList(
            [
                .. stored.Messages.Select(failures => new MessageFailures(failures.Offset, failures.MessageId, failures.Count)
                {
                    First = failures.First,
                }),
            ]));
}
