using System.Numerics;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// What follows from a failure of a queue: how long it waits before the next attempt, longer and longer; whether its broker
/// must be told of the group before; whether it stands still until somebody says go on, when it is not to recover by itself.
/// </summary>
internal sealed partial class PullRetryPolicy(MessageQueue queue, QueueEnvironment environment, ILogger logger)
{
    private static readonly TimeSpan BrokerBusyWait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(3);

    // Each attempt brings the same again, as many bytes as they are.
    private static readonly TimeSpan TooLongWait = TimeSpan.FromSeconds(30);

    private string? _forgetful;
    private bool _isTooLongTold;
    private int _failures;
    private long _failedAt;
    private TimeSpan _wait;

    /// <summary>The last failure since the last success.</summary>
    public Exception? LastError { get; set; }

    /// <summary>The address of the broker that was last asked for messages.</summary>
    public string? Asks { get; set; }

    /// <summary>How long until the next attempt.</summary>
    public TimeSpan DueIn
        => environment.Runtime.Time.GetElapsedTime(_failedAt) is var waited && waited < _wait ? _wait - waited : TimeSpan.Zero;

    private ConsumerOptions Options => environment.Options;

    private string Broker => environment.BrokerOf(queue);

    /// <summary>The queue has pulled.</summary>
    public void Succeeded()
    {
        _failures = 0;
        LastError = null;
        _isTooLongTold = false;
        environment.Group.NoteFoundAt(Broker);
    }

    /// <summary>The broker that must hear of the group before the next pull, if there is one; told once per failure.</summary>
    public string? TakeForgetful() => Interlocked.Exchange(ref _forgetful, null);

    /// <summary>Notes a failure, and says what it is to the queue.</summary>
    public QueueEventKind Failed(Exception failure)
    {
        LastError = failure;
        _failedAt = environment.Runtime.Time.GetTimestamp();
        var exception = failure is MessagePullException or OffsetFetchException ? failure.InnerException! : failure;
        if (exception is BrokerResponseException { ResponseCode: ResponseCodes.FlowControl })
        {
            // A broker that asks for patience has not failed.
            _wait = BrokerBusyWait;
            return QueueEventKind.AttemptFailed;
        }

        _wait = environment.Runtime.BackOff(++_failures, Options.RetryInterval, LongestWait);
        if (!Options.AutoRecovery && _failures >= Options.MaxRetryTimes)
        {
            return QueueEventKind.FailedTooOften;
        }

        if (exception is BrokerResponseException
            {
                ResponseCode: ResponseCodes.SubscriptionNotExist or ResponseCodes.SubscriptionNotLatest
                    or ResponseCodes.SubscriptionGroupNotExist
            })
        {
            _forgetful = Asks;
        }

        Tell(exception);
        return QueueEventKind.AttemptFailed;
    }

    /// <summary>The queue stands still from now on.</summary>
    public void Halts()
    {
        Log.Halts(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId, _failures, LastError);
        _failures = 0;
    }

    /// <summary>Somebody has let it go on.</summary>
    public void GoesOn() => Log.GoesOn(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId);

    private void Tell(Exception exception)
    {
        if (exception is BrokerResponseException { ResponseCode: ResponseCodes.SubscriptionGroupNotExist })
        {
            // Told once for all queues of the broker.
            environment.Group.NoteMissingAt(Broker);
            return;
        }

        if (exception is FrameTooLongException)
        {
            _wait = TooLongWait;
            if (_isTooLongTold)
            {
                return;
            }

            _isTooLongTold = true;
        }

        if (BitOperations.IsPow2(_failures))
        {
            // Less and less often: what a thousand queues say every three seconds drowns everything else.
            Log.PullFailed(logger, Options.Group, queue.Topic, queue.BrokerName, queue.QueueId, _wait, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(133, LogLevel.Warning, "Group {Group} could not pull {Topic} {Broker}/{QueueId}, next attempt in {Wait}: {Reason}")]
        public static partial void PullFailed(
            ILogger logger, string group, string topic, string broker, int queueId, TimeSpan wait, string reason);

        [LoggerMessage(
            139,
            LogLevel.Error,
            "Group {Group} stops pulling {Topic} {Broker}/{QueueId} after {Failures} failures on end, since auto recovery is off; "
            + "resume it to go on")]
        public static partial void Halts(
            ILogger logger, string group, string topic, string broker, int queueId, int failures, Exception? exception);

        [LoggerMessage(140, LogLevel.Information, "Group {Group} goes on pulling {Topic} {Broker}/{QueueId}")]
        public static partial void GoesOn(ILogger logger, string group, string topic, string broker, int queueId);
    }
}
