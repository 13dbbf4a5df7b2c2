using System.Numerics;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// What a queue does after a failure, before it pulls again: waits longer and longer, tells a broker that has forgotten
/// the group, or stands still until somebody says go on, when it is not to recover by itself.
/// </summary>
internal sealed partial class QueueRecovery(MessageQueue queue, GroupConsumer consumer, TimeProvider time, ILogger logger, CancellationToken stopping)
{
    private static readonly TimeSpan BrokerBusyWait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(3);

    // Each attempt brings the same again, as many bytes as they are.
    private static readonly TimeSpan TooLongWait = TimeSpan.FromSeconds(30);

    private volatile TaskCompletionSource? _halted;
    private bool _isTooLongTold;
    private int _failures;

    /// <summary>The last failure since the last success.</summary>
    public Exception? LastError { get; set; }

    /// <summary>Whether the queue stands still until <see cref="GoOn"/>.</summary>
    public bool IsHalted => _halted is not null;

    private ConsumerOptions Options => consumer.Options;

    /// <summary>The queue has pulled.</summary>
    public void Succeeded()
    {
        _failures = 0;
        LastError = null;
        _isTooLongTold = false;
        consumer.Missing.Found(queue.BrokerName);
    }

    /// <summary>Lets a queue go on that stands still.</summary>
    public void GoOn() => _halted?.TrySetResult();

    /// <summary>Ends when the next attempt is due, or the queue stops.</summary>
    public async Task AfterAsync(Exception failure)
    {
        LastError = failure;
        var exception = failure is MessagePullException or OffsetFetchException ? failure.InnerException! : failure;
        var wait = Backoff.Next(++_failures, Options.RetryInterval, LongestWait);
        if (exception is BrokerResponseException { ResponseCode: ResponseCodes.FlowControl })
        {
            wait = BrokerBusyWait;
        }
        else if (!Options.AutoRecovery && _failures >= Options.MaxRetryTimes)
        {
            await HaltAsync().ConfigureAwait(false);
            return;
        }
        else if (exception is FrameTooLongException)
        {
            wait = TooLongWait;
            if (!_isTooLongTold)
            {
                _isTooLongTold = true;
                Log.PullFailed(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId, wait, exception.Message);
            }
        }
        else if (MissingGroup.IsSaidBy(exception))
        {
            // Told once for all queues of the broker.
            consumer.Missing.Note(queue.BrokerName);
        }
        else if (BitOperations.IsPow2(_failures))
        {
            // Less and less often: what a thousand queues say every three seconds drowns everything else.
            Log.PullFailed(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId, wait, exception.Message);
        }

        try
        {
            if (exception is BrokerResponseException
                {
                    ResponseCode: ResponseCodes.SubscriptionNotExist or ResponseCodes.SubscriptionNotLatest or ResponseCodes.SubscriptionGroupNotExist
                })
            {
                // The broker has forgotten us, or was restarted: it must hear of the subscription before the next pull.
                await consumer.Client.HeartbeatToAsync(queue.BrokerName, stopping).ConfigureAwait(false);
            }

            await Task.Delay(wait, time, stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            Log.StopsWhileFailing(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId);
        }
        catch (Exception second)
        {
            // Nobody but the queue's own loop would ever pull again.
            Log.RecoveryFailed(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId, second);
            await Task.Delay(BrokerBusyWait, time, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>Pulls no more until somebody lets the queue go on, or it stops. What it holds is consumed meanwhile.</summary>
    private async Task HaltAsync()
    {
        var halted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _halted = halted;
        Log.Halts(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId, _failures, LastError);
        try
        {
            await halted.Task.WaitAsync(stopping).ConfigureAwait(false);
            Log.GoesOn(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            Log.StopsWhileFailing(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId);
        }
        finally
        {
            _halted = null;
            _failures = 0;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(133, LogLevel.Warning, "Group {Group} could not pull {Topic} {Broker}/{QueueId}, next attempt in {Wait}: {Reason}")]
        public static partial void PullFailed(ILogger logger, string group, string topic, string broker, int queueId, TimeSpan wait, string reason);

        [LoggerMessage(136, LogLevel.Debug, "Group {Group} stops {Topic} {Broker}/{QueueId} while it waits for its broker")]
        public static partial void StopsWhileFailing(ILogger logger, string group, string topic, string broker, int queueId);

        [LoggerMessage(138, LogLevel.Error, "Group {Group} could not prepare the next attempt to pull {Topic} {Broker}/{QueueId}")]
        public static partial void RecoveryFailed(ILogger logger, string group, string topic, string broker, int queueId, Exception exception);

        [LoggerMessage(139, LogLevel.Error, "Group {Group} stops pulling {Topic} {Broker}/{QueueId} after {Failures} failures on end, since auto recovery is off; resume it to go on")]
        public static partial void Halts(ILogger logger, string group, string topic, string broker, int queueId, int failures, Exception? exception);

        [LoggerMessage(140, LogLevel.Information, "Group {Group} goes on pulling {Topic} {Broker}/{QueueId}")]
        public static partial void GoesOn(ILogger logger, string group, string topic, string broker, int queueId);
    }
}
