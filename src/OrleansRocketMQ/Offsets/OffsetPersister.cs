using System.Numerics;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Offsets;

/// <summary>
/// Stores the progress of all queues of a group from time to time: those of one broker a few at a time, different brokers
/// beside each other. A broker that does not answer is left alone for longer and longer, and the others do not wait for it.
/// </summary>
internal sealed partial class OffsetPersister(ConsumerOptions options, Func<IEnumerable<QueuePump>> queues, TimeProvider time, ILogger<OffsetPersister> logger)
{
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<string, Rest> _resting = new(StringComparer.Ordinal);
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
        var byBroker = queues().GroupBy(queue => queue.Queue.BrokerName, StringComparer.Ordinal).Where(broker => !IsResting(broker.Key)).ToArray();
        var failures = await Task.WhenAll(byBroker.Select(PersistAsync)).ConfigureAwait(false);
        for (var index = 0; index < byBroker.Length; index++)
        {
            Note(byBroker[index].Key, failures[index]);
        }
    }

    /// <summary>
    /// Stores the queues of one broker, and tells what went wrong. A queue that is refused, as one of a topic that was deleted,
    /// says nothing about the others; anything else ends the round.
    /// </summary>
    private async Task<Exception?> PersistAsync(IGrouping<string, QueuePump> broker)
    {
        Exception? refused = null;
        foreach (var some in broker.Chunk(options.PersistBatchSize))
        {
            _stopping.Token.ThrowIfCancellationRequested();
            try
            {
                await Task.WhenAll(some.Select(queue => queue.CommitAsync())).ConfigureAwait(false);
            }
            catch (Exception exception) when (IsRefusal(exception))
            {
                refused = exception;
            }
            catch (Exception exception)
            {
                // Whatever it is, other brokers and the next round must not suffer from it.
                return exception;
            }
        }

        return refused;
    }

    private static bool IsRefusal(Exception exception)
        => exception is BrokerResponseException { ResponseCode: not (ResponseCodes.SystemBusy or ResponseCodes.FlowControl or ResponseCodes.ServiceNotAvailable) };

    private bool IsResting(string broker) => _resting.TryGetValue(broker, out var rest) && time.GetTimestamp() < rest.Until;

    private void Note(string broker, Exception? failure)
    {
        if (failure is null)
        {
            _resting.Remove(broker);
            return;
        }

        var failures = _resting.GetValueOrDefault(broker).Failures + 1;
        if (IsRefusal(failure))
        {
            // The broker answers, so its other queues go on at their pace.
            _resting[broker] = new(failures, Until: 0);
            if (BitOperations.IsPow2(failures))
            {
                Log.PersistFailed(logger, options.Group, broker, options.PersistInterval, failure.Message);
            }

            return;
        }

        var wait = Backoff.Next(failures, options.PersistInterval, options.PersistInterval > LongestRest ? options.PersistInterval : LongestRest);
        _resting[broker] = new(failures, time.GetTimestamp() + (long)(wait.TotalSeconds * time.TimestampFrequency));
        Log.PersistFailed(logger, options.Group, broker, wait, failure.Message);
    }

    /// <param name="Failures">Rounds on end that failed.</param>
    /// <param name="Until">When the next one may be, as a time stamp.</param>
    private readonly record struct Rest(int Failures, long Until);

    private static partial class Log
    {
        [LoggerMessage(291, LogLevel.Error, "Group {Group}: a round of storing its progress failed; the next one is at the usual time")]
        public static partial void RoundFailed(ILogger logger, string group, Exception exception);

        [LoggerMessage(141, LogLevel.Warning, "Group {Group} could not store its progress at broker {Broker}, next attempt in {Wait}: {Reason}")]
        public static partial void PersistFailed(ILogger logger, string group, string broker, TimeSpan wait, string reason);
    }
}
