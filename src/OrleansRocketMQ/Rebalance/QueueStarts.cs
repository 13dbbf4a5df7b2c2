using System.Collections.Frozen;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Allocation;

/// <summary>Starts the queues of one group that are this silo's, and knows of those that run on another silo instead.</summary>
internal sealed partial class QueueStarts(GroupConsumer consumer, IGrainFactory grains, SiloAddress silo, ILogger logger)
{
    // A queue that is on its way here is told to be elsewhere for a look or two.
    private const int LooksOfAMove = 3;

    private Dictionary<MessageQueue, (SiloAddress Silo, int Looks)> _elsewhere = [];

    /// <summary>Whether all queues of this silo run here now.</summary>
    public async Task<bool> StartOwnAsync(AllocationView view, CancellationToken cancellationToken)
    {
        var missing = view.QueuesOf(consumer.Client.ClientId).Where(queue => !consumer.Pumps.ContainsKey(queue)).ToArray();
        var starts = await Task.WhenAll(missing.Select(StartAsync)).ConfigureAwait(false);
        if (cancellationToken.IsCancellationRequested)
        {
            return false;
        }

        NoteElsewhere(starts);
        if (starts.FirstOrDefault(start => start.Failure is not null) is { Failure: { } failure } failed)
        {
            // One line, however many: they all wait for the same silo or broker, and the next look is near.
            var failures = starts.Count(start => start.Failure is not null);
            Log.StartsFailed(logger, consumer.Group, failures, starts.Length, failed.Queue, failure.Message);
            Log.StartFailed(logger, consumer.Group, failed.Queue, failure);
        }

        return Array.TrueForAll(starts, start => silo.Equals(start.Owner));
    }

    private async Task<QueueStart> StartAsync(MessageQueue queue)
    {
        try
        {
            var grain = grains.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue));
            return new(queue, await grain.EnsureStartedAsync(silo).ConfigureAwait(false), null);
        }
        catch (Exception exception)
        {
            return new(queue, null, exception);
        }
    }

    private void NoteElsewhere(QueueStart[] starts)
    {
        var elsewhere = new Dictionary<MessageQueue, (SiloAddress Silo, int Looks)>();
        foreach (var (queue, owner, _) in starts)
        {
            if (owner is not null && !owner.Equals(silo))
            {
                var isStill = _elsewhere.TryGetValue(queue, out var before) && before.Silo.Equals(owner);
                elsewhere[queue] = (owner, 1 + (isStill ? before.Looks : 0));
            }
        }

        _elsewhere = elsewhere;
        consumer.Elsewhere = elsewhere.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.Silo);
        var stuck = elsewhere.Where(pair => pair.Value.Looks == LooksOfAMove + 1).Select(pair => pair.Key).Order().ToArray();
        if (stuck.Length > 0)
        {
            Log.StaysElsewhere(logger, consumer.Group, stuck.Length, LooksOfAMove, stuck[0], elsewhere[stuck[0]].Silo.ToParsableString());
        }
    }

    private readonly record struct QueueStart(MessageQueue Queue, SiloAddress? Owner, Exception? Failure);

    private static partial class Log
    {
        [LoggerMessage(
            154,
            LogLevel.Warning,
            "Group {Group}: {Count} of {All} queues could not be started, they are tried again; the first is {Queue}: {Reason}")]
        public static partial void StartsFailed(ILogger logger, string group, int count, int all, MessageQueue queue, string reason);

        [LoggerMessage(157, LogLevel.Debug, "Group {Group}: {Queue} could not be started")]
        public static partial void StartFailed(ILogger logger, string group, MessageQueue queue, Exception exception);

        [LoggerMessage(
            158,
            LogLevel.Warning,
            "Group {Group}: {Count} queues that should run here still run on another silo after {Looks} looks: "
                + "it has not ended them yet, or does not see the allocation alike; the first is {Queue}, on {Silo}")]
        public static partial void StaysElsewhere(ILogger logger, string group, int count, int looks, MessageQueue queue, string silo);
    }
}
