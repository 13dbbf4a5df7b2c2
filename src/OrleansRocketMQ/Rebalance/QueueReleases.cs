using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Releases the queues of one group that are not this silo's any more, beside the looks at the allocation: a listener that takes
/// long holds up its own queue only. One caller at a time.
/// </summary>
internal sealed partial class QueueReleases(GroupConsumer consumer, TimeSpan budget, Action released, ILogger logger)
{
    private readonly Dictionary<QueuePump, Task> _underWay = [];

    /// <summary>Ends when those under way have ended.</summary>
    public Task EndAsync() => Task.WhenAll(_underWay.Values);

    /// <param name="view">Who is to own which queue.</param>
    /// <param name="began">When that was looked at; a queue that came later may have come for a reason not seen yet.</param>
    /// <param name="which">The queues that are looked at; null for all.</param>
    public void ReleaseOthers(AllocationView view, long began, Func<QueuePump, bool>? which = null)
    {
        foreach (var (ended, _) in _underWay.Where(release => release.Value.IsCompleted).ToArray())
        {
            _underWay.Remove(ended);
        }

        foreach (var pump in consumer.Pumps.Values.Where(pump => !_underWay.ContainsKey(pump) && which?.Invoke(pump) != false))
        {
            if (view.OwnerOf(pump.Queue) != consumer.Client.ClientId && pump.StartedAt < began && !AwaitsItsBroker(pump, view))
            {
                _underWay[pump] = Task.Run(() => ReleaseAsync(pump));
            }
        }
    }

    // A queue nobody owns has vanished from the routes, with its broker most likely. While that owes a commit, only this
    // silo knows what must not come again; the queue stays, to go on here or to be handed over when it is back.
    private bool AwaitsItsBroker(QueuePump pump, AllocationView view)
        => view.OwnerOf(pump.Queue) is null && consumer.Subscriptions.Has(pump.Queue.Topic) && pump.HoldsUncommitted;

    private async Task ReleaseAsync(QueuePump pump)
    {
        try
        {
            await consumer.ReleaseQueueAsync(pump, budget).ConfigureAwait(false);
            Log.Released(logger, consumer.Group, pump.Queue);
        }
        catch (Exception exception)
        {
            Log.ReleaseFailed(logger, consumer.Group, pump.Queue, exception);
        }

        // It may have become this silo's again meanwhile.
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
