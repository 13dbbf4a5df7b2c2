using System.Collections.Frozen;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>Starts the queues of one group that are this member's, and knows of those that run at another one instead.</summary>
internal sealed partial class QueueStarts(string group, IQueueDirectory directory, ILogger logger)
{
    // A queue that is on its way here is told to be elsewhere for a look or two.
    private const int LooksOfAMove = 3;

    private Dictionary<MessageQueue, (string Member, int Looks)> _elsewhere = [];

    /// <summary>Queues that are this member's, and run at another one of the cluster all the same, by its name.</summary>
    public IReadOnlyDictionary<MessageQueue, string> Elsewhere { get; private set; } = FrozenDictionary<MessageQueue, string>.Empty;

    /// <summary>Starts the queues that are missing here.</summary>
    /// <returns>Whether all of them run here now.</returns>
    public async Task<bool> StartAsync(IEnumerable<MessageQueue> missing, CancellationToken cancellationToken)
    {
        QueueStart[] starts;
        try
        {
            // A member that stops has no time to wait for others that do not answer; from then on it takes no queue.
            starts = await Waits.OrCancelAsync(Task.WhenAll(missing.Select(StartAsync)), cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }

        NoteElsewhere(starts);
        if (starts.FirstOrDefault(start => start.Failure is not null) is { Failure: { } failure } failed)
        {
            // One line, however many: they all wait for the same silo or broker, and the next look is near.
            var failures = starts.Count(start => start.Failure is not null);
            Log.StartsFailed(logger, group, failures, starts.Length, failed.Queue, failure.Message);
            Log.StartFailed(logger, group, failed.Queue, failure);
        }

        return Array.TrueForAll(starts, start => start.Owner == directory.Here);
    }

    private async Task<QueueStart> StartAsync(MessageQueue queue)
    {
        try
        {
            return new(queue, await directory.StartAsync(queue), null);
        }
        catch (Exception exception)
        {
            return new(queue, null, exception);
        }
    }

    private void NoteElsewhere(QueueStart[] starts)
    {
        var elsewhere = new Dictionary<MessageQueue, (string Member, int Looks)>();
        foreach (var (queue, owner, _) in starts)
        {
            if (owner is not null && owner != directory.Here)
            {
                var isStill = _elsewhere.TryGetValue(queue, out var before) && before.Member == owner;
                elsewhere[queue] = (owner, 1 + (isStill ? before.Looks : 0));
            }
        }

        _elsewhere = elsewhere;
        Elsewhere = elsewhere.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.Member);
        var stuck = elsewhere.Where(pair => pair.Value.Looks == LooksOfAMove + 1).Select(pair => pair.Key).Order().ToArray();
        if (stuck.Length > 0)
        {
            Log.StaysElsewhere(logger, group, stuck.Length, LooksOfAMove, stuck[0], elsewhere[stuck[0]].Member);
        }
    }

    private readonly record struct QueueStart(MessageQueue Queue, string? Owner, Exception? Failure);

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
