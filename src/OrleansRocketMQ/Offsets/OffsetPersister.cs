using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Offsets;

/// <summary>
/// Stores the progress of all queues of a group from time to time: those of one broker a few at a time, different brokers
/// beside each other. A broker that does not answer is left alone for longer and longer, and so is a queue that is refused;
/// the others do not wait for them.
/// </summary>
internal sealed partial class OffsetPersister(ConsumerOptions options, Func<IEnumerable<QueuePump>> queues, TimeProvider time, ILogger<OffsetPersister> logger)
{
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly BackoffTable<string> _brokers = new(options.PersistInterval, LongestRestOf(options), time);
    private readonly BackoffTable<MessageQueue> _queues = new(options.PersistInterval, LongestRestOf(options), time);
    private Task _running = Task.CompletedTask;

    public void Start() => _running = Task.Run(RunAsync);

    public async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(options.PersistInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                try
                {
                    await RoundAsync().ConfigureAwait(false);
                }
                catch (Exception exception) when (!_stopping.IsCancellationRequested)
                {
                    // The next round stores more. Without rounds everything would come again after a restart.
                    Log.RoundFailed(logger, options.Group, exception);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Each queue is stored once more when it stops.
        }
    }

    private async Task RoundAsync()
    {
        var all = queues().ToArray();
        _queues.Keep(all.Select(queue => queue.Queue).ToHashSet());
        var byBroker = all
            .Where(queue => !_brokers.IsResting(queue.Queue.BrokerName) && !_queues.IsResting(queue.Queue))
            .GroupBy(queue => queue.Queue.BrokerName, StringComparer.Ordinal).ToArray();
        foreach (var (broker, attempts) in await Task.WhenAll(byBroker.Select(PersistAsync)).ConfigureAwait(false))
        {
            Note(broker, attempts);
        }
    }

    /// <summary>Stores the queues of one broker, up to one for which the broker itself fails, and tells what became of each.</summary>
    private async Task<(string Broker, List<Attempt> Attempts)> PersistAsync(IGrouping<string, QueuePump> broker)
    {
        var attempts = new List<Attempt>();
        foreach (var some in broker.Chunk(options.PersistBatchSize))
        {
            _stopping.Token.ThrowIfCancellationRequested();
            attempts.AddRange(await Task.WhenAll(some.Select(TryAsync)).ConfigureAwait(false));
            if (attempts.Exists(attempt => attempt.IsAboutTheBroker))
            {
                break;
            }
        }

        return (broker.Key, attempts);
    }

    private static async Task<Attempt> TryAsync(QueuePump queue)
    {
        try
        {
            await queue.CommitAsync().ConfigureAwait(false);
            return new(queue.Queue, null);
        }
        catch (Exception exception)
        {
            // Whatever it is, other queues and the next round must not suffer from it.
            return new(queue.Queue, exception);
        }
    }

    private void Note(string broker, List<Attempt> attempts)
    {
        Exception? ofBroker = null;
        var refused = new List<Attempt>();
        foreach (var attempt in attempts)
        {
            if (attempt.IsAboutTheBroker)
            {
                ofBroker ??= attempt.Failure;
            }
            else if (attempt.Failure is not null)
            {
                _queues.Fail(attempt.Queue);
                refused.Add(attempt);
            }
            else
            {
                _queues.Succeed(attempt.Queue);
            }
        }

        if (refused is [var first, ..])
        {
            Log.Refused(logger, options.Group, refused.Count, broker, first.Queue, first.Failure!.Message);
        }

        if (ofBroker is not null)
        {
            Log.PersistFailed(logger, options.Group, broker, _brokers.Fail(broker), ofBroker.Message);
        }
        else
        {
            _brokers.Succeed(broker);
        }
    }

    private static TimeSpan LongestRestOf(ConsumerOptions options) => options.PersistInterval > LongestRest ? options.PersistInterval : LongestRest;

    /// <param name="Queue">The queue that was to be stored.</param>
    /// <param name="Failure">Why it was not.</param>
    private readonly record struct Attempt(MessageQueue Queue, Exception? Failure)
    {
        /// <summary>Whether the next queue would fail the same way: nobody answered. An answer is about the one that was asked for.</summary>
        public bool IsAboutTheBroker => Failure is not (null or BrokerResponseException or OffsetException);
    }

    private static partial class Log
    {
        [LoggerMessage(291, LogLevel.Error, "Group {Group}: a round of storing its progress failed; the next one is at the usual time")]
        public static partial void RoundFailed(ILogger logger, string group, Exception exception);

        [LoggerMessage(144, LogLevel.Warning, "Group {Group} could not store the progress of {Count} queues at broker {Broker}, such as {Queue}; each is tried again, the others are stored: {Reason}")]
        public static partial void Refused(ILogger logger, string group, int count, string broker, MessageQueue queue, string reason);

        [LoggerMessage(141, LogLevel.Warning, "Group {Group} could not store its progress at broker {Broker}, next attempt in {Wait}: {Reason}")]
        public static partial void PersistFailed(ILogger logger, string group, string broker, TimeSpan wait, string reason);
    }
}
