using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Offsets;

/// <summary>
/// Stores the progress of all queues of a group from time to time: those of one broker a few at a time, different brokers
/// by themselves. A broker that does not answer is left alone for longer and longer, and the others do not wait for it.
/// </summary>
internal sealed partial class OffsetPersister(ConsumerOptions options, Func<IEnumerable<IStoredQueue>> queues, TimeProvider time, ILogger<OffsetPersister> logger)
{
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<string, BrokerState> _brokers = new(StringComparer.Ordinal);
    private Task _running = Task.CompletedTask;

    public void Start() => _running = BackgroundLoop.Run($"progress of group {options.Group}", _ => RunAsync(), time, logger, _stopping.Token);

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

        await Task.WhenAll(_brokers.Values.Select(broker => broker.Storing)).ConfigureAwait(false);
    }

    // Each broker by itself: what one is slow to take makes the next round of no other late.
    private void Round()
    {
        foreach (var broker in queues().GroupBy(queue => queue.Queue.BrokerName, StringComparer.Ordinal))
        {
            var state = _brokers.TryGetValue(broker.Key, out var known) ? known : _brokers[broker.Key] = new();
            if (state.Storing.IsCompleted && time.GetTimestamp() >= state.RestsUntil)
            {
                state.Storing = StoreAsync(broker.Key, [.. broker], state);
            }
        }
    }

    /// <summary>Stores the queues of one broker. Never throws: other brokers and the next round must not suffer from it.</summary>
    private async Task StoreAsync(string broker, IStoredQueue[] itsQueues, BrokerState state)
    {
        try
        {
            foreach (var some in itsQueues.Chunk(options.PersistBatchSize))
            {
                if (_stopping.IsCancellationRequested)
                {
                    return;
                }

                await Task.WhenAll(some.Select(queue => queue.CommitAsync())).ConfigureAwait(false);
            }

            state.Failures = 0;
        }
        catch (Exception exception)
        {
            var wait = Backoff.Next(++state.Failures, options.PersistInterval, options.PersistInterval > LongestRest ? options.PersistInterval : LongestRest);
            state.RestsUntil = time.GetTimestamp() + (long)(wait.TotalSeconds * time.TimestampFrequency);
            Log.PersistFailed(logger, options.Group, broker, wait, exception.Message);
        }
    }

    /// <summary>How storing goes at a broker. Changed by the storing under way only, of which there is one at most.</summary>
    private sealed class BrokerState
    {
        public Task Storing { get; set; } = Task.CompletedTask;

        /// <summary>Rounds on end that failed.</summary>
        public int Failures { get; set; }

        /// <summary>When the next one may be, as a time stamp.</summary>
        public long RestsUntil { get; set; } = long.MinValue;
    }

    private static partial class Log
    {
        [LoggerMessage(291, LogLevel.Error, "Group {Group}: a round of storing its progress failed; the next one is at the usual time")]
        public static partial void RoundFailed(ILogger logger, string group, Exception exception);

        [LoggerMessage(141, LogLevel.Warning, "Group {Group} could not store its progress at broker {Broker}, next attempt in {Wait}: {Reason}")]
        public static partial void PersistFailed(ILogger logger, string group, string broker, TimeSpan wait, string reason);
    }
}
