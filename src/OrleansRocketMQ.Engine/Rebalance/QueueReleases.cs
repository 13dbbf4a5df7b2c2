using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>
/// Releases the queues of one group that are not this member's any more, beside the looks at the allocation: a listener that
/// takes long holds up its own queue only. One caller at a time.
/// </summary>
internal sealed partial class QueueReleases(
    string group, IQueueDirectory directory, EngineScheduler scheduler, TimeSpan budget, Action released, ILogger logger)
{
    private readonly Dictionary<IGroupQueue, Task> _underWay = [];

    /// <summary>Ends when those under way have ended.</summary>
    public Task EndAsync() => Task.WhenAll(_underWay.Values);

    /// <summary>Begins to release queues, but for those that are being released already.</summary>
    public void Begin(IEnumerable<IGroupQueue> pumps)
    {
        foreach (var (ended, _) in _underWay.Where(release => release.Value.IsCompleted).ToArray())
        {
            _underWay.Remove(ended);
        }

        foreach (var pump in pumps.Where(pump => !_underWay.ContainsKey(pump)).ToArray())
        {
            _underWay[pump] = scheduler.Run(() => ReleaseAsync(pump));
        }
    }

    private async Task ReleaseAsync(IGroupQueue pump)
    {
        try
        {
            await directory.ReleaseAsync(pump, budget);
            Log.Released(logger, group, pump.Queue);
        }
        catch (Exception exception)
        {
            Log.ReleaseFailed(logger, group, pump.Queue, exception);
        }

        // It may have become this member's again meanwhile.
        released();
    }

    private static partial class Log
    {
        [LoggerMessage(155, LogLevel.Information, "Group {Group}: {Queue} was released to another member")]
        public static partial void Released(ILogger logger, string group, MessageQueue queue);

        [LoggerMessage(159, LogLevel.Warning, "Group {Group}: {Queue} could not be released, it is tried again")]
        public static partial void ReleaseFailed(ILogger logger, string group, MessageQueue queue, Exception exception);
    }
}
