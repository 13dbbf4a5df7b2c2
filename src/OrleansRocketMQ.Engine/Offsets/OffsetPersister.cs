using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>
/// Stores the progress of all queues of a group from time to time: those of one broker a few at a time, different brokers
/// by themselves. A broker that does not answer is left alone for longer and longer, and so is a queue that is refused;
/// the others do not wait for them.
/// </summary>
internal sealed partial class OffsetPersister(
    ConsumerOptions options, Func<IEnumerable<IStoredQueue>> queues, EngineRuntime runtime, ILogger<OffsetPersister> logger)
{
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<string, BrokerState> _brokers = new(StringComparer.Ordinal);
    private Task _running = Task.CompletedTask;

    public void Start()
        => _running = runtime.Scheduler.StartLoop($"progress of group {options.Group}", RunAsync, runtime.Time, logger, _stopping.Token);

    public Task StopAsync() => runtime.Scheduler.Run(async () =>
    {
        await runtime.Scheduler.CancelAsync(_stopping);
        await _running;
    });

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(options.PersistInterval, runtime.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                try
                {
                    Round();
                }
                catch (Exception exception)
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

        await Task.WhenAll(_brokers.Values.Select(broker => broker.Storing));
    }

    // Each broker by itself: what one is slow to take makes the next round of no other late. Queues without news cost a look.
    private void Round()
    {
        var news = queues().Where(queue => queue.MayHaveNews).ToLookup(queue => queue.Broker, StringComparer.Ordinal);
        foreach (var broker in news.Where(broker => !_brokers.ContainsKey(broker.Key)))
        {
            _brokers.Add(broker.Key, new(options, runtime));
        }

        foreach (var (broker, state) in _brokers)
        {
            if (state.Storing.IsCompleted && !state.Broker.IsResting(broker))
            {
                state.Storing = StoreAsync(broker, [.. news[broker]], state);
            }
        }
    }

    /// <summary>Stores the queues of one broker. Never throws: other brokers and the next round must not suffer from it.</summary>
    private async Task StoreAsync(string broker, IStoredQueue[] itsQueues, BrokerState state)
    {
        try
        {
            state.Queues.Keep(itsQueues.Select(queue => queue.Queue).ToHashSet());
            Note(broker, await TryAllAsync([.. itsQueues.Where(queue => !state.Queues.IsResting(queue.Queue))]), state);
        }
        catch (Exception exception)
        {
            Log.RoundFailed(logger, options.Group, exception);
        }
    }

    /// <summary>Stores queues of one broker, up to one for which the broker itself fails, and tells what became of each.</summary>
    private async Task<List<Attempt>> TryAllAsync(IStoredQueue[] itsQueues)
    {
        var attempts = new List<Attempt>();
        foreach (var some in itsQueues.Chunk(options.PersistBatchSize))
        {
            if (_stopping.IsCancellationRequested)
            {
                break;
            }

            var ended = await Task.WhenAll(some.Select(TryAsync));
            attempts.AddRange(ended);
            if (ended.Any(attempt => attempt.IsAboutTheBroker))
            {
                break;
            }
        }

        return attempts;
    }

    private static async Task<Attempt> TryAsync(IStoredQueue queue)
    {
        try
        {
            await queue.CommitAsync();
            return new(queue.Queue, null);
        }
        catch (Exception exception)
        {
            // Whatever it is, other queues and the next round must not suffer from it.
            return new(queue.Queue, exception);
        }
    }

    private void Note(string broker, List<Attempt> attempts, BrokerState state)
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
                state.Queues.Fail(attempt.Queue);
                refused.Add(attempt);
            }
            else
            {
                state.Queues.Succeed(attempt.Queue);
            }
        }

        if (refused is [var first, ..])
        {
            Log.Refused(logger, options.Group, refused.Count, broker, first.Queue, first.Failure!.Message);
        }

        if (ofBroker is not null)
        {
            Log.PersistFailed(logger, options.Group, broker, state.Broker.Fail(broker), ofBroker.Message);
        }
        else
        {
            state.Broker.Succeed(broker);
        }
    }

    private static TimeSpan LongestRestOf(ConsumerOptions options)
        => options.PersistInterval > LongestRest ? options.PersistInterval : LongestRest;

    /// <param name="Queue">The queue that was to be stored.</param>
    /// <param name="Failure">Why it was not.</param>
    private readonly record struct Attempt(MessageQueue Queue, Exception? Failure)
    {
        /// <summary>
        /// Whether the next queue would fail the same way: nobody answered, or the broker asks for patience. Any other answer, as
        /// that of a topic that was deleted, is about the queue that was asked for.
        /// </summary>
        public bool IsAboutTheBroker => Failure switch
        {
            null or OffsetException => false,
            BrokerResponseException answer => answer.ResponseCode
                is ResponseCodes.SystemBusy or ResponseCodes.FlowControl or ResponseCodes.ServiceNotAvailable,
            _ => true,
        };
    }

    /// <summary>How storing goes at a broker. Changed by the storing under way only, of which there is one at most.</summary>
    private sealed class BrokerState(ConsumerOptions options, EngineRuntime runtime)
    {
        public Task Storing { get; set; } = Task.CompletedTask;

        /// <summary>The broker while it does not answer.</summary>
        public BackoffTable<string> Broker { get; } = new(options.PersistInterval, LongestRestOf(options), runtime);

        /// <summary>Its queues that are refused.</summary>
        public BackoffTable<MessageQueue> Queues { get; } = new(options.PersistInterval, LongestRestOf(options), runtime);
    }

    private static partial class Log
    {
        [LoggerMessage(291, LogLevel.Error, "Group {Group}: a round of storing its progress failed; the next one is at the usual time")]
        public static partial void RoundFailed(ILogger logger, string group, Exception exception);

        [LoggerMessage(
            144,
            LogLevel.Warning,
            "Group {Group} could not store the progress of {Count} queues at broker {Broker}, such as {Queue}; each is tried again, "
            + "the others are stored: {Reason}")]
        public static partial void Refused(ILogger logger, string group, int count, string broker, MessageQueue queue, string reason);

        [LoggerMessage(
            141,
            LogLevel.Warning,
            "Group {Group} could not store its progress at broker {Broker}, next attempt in {Wait}: {Reason}")]
        public static partial void PersistFailed(ILogger logger, string group, string broker, TimeSpan wait, string reason);
    }
}
