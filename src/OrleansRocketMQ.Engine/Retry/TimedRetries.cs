using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Engine.Retry;

/// <summary>
/// Has failed messages come again at an exact time: as copies for %RETRY% that brokers with timers hold back. A message that a
/// broker brings again by itself knows delay levels only. Thread-safe.
/// </summary>
internal sealed partial class TimedRetries(RetryRules rules, RetryTargets targets, TimeProvider time, ILogger logger)
{
    /// <summary>Sends a copy that comes again after a while, to the end of the second as brokers have it. Never throws.</summary>
    /// <returns>
    /// Whether a broker has it. Not when it has no timers, when the time is further off than they go, or when the copy has no room
    /// for what the message has.
    /// </returns>
    public async Task<bool> TryAsync(MessageExt message, TimeSpan after, CancellationToken cancellationToken)
    {
        // Without a wait there is nothing to be exact about, and a broker would bring it again at once, for ever.
        if (after <= TimeSpan.Zero || message.BodyError is not null)
        {
            return false;
        }

        var copy = RetryCopy.Of(
            message,
            rules,
            targets.Names.Wrap(message.Topic),
            message.ReconsumeTimes,
            delayLevel: 0,
            targets.NewMessageId,
            out var leftOut,
            at: time.GetUtcNow() + after);
        if (leftOut.Count > 0)
        {
            return false;
        }

        try
        {
            return await targets.Brokers.SendTimedCopyAsync(copy, cancellationToken);
        }
        catch (Exception exception)
        {
            Log.NotTimed(logger, message.MessageId, rules.Options.Group, after, exception.Message);
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            365,
            LogLevel.Warning,
            "Message {MessageId} of group {Group} does not come again after exactly {Time}, but by its broker's delay levels: {Reason}")]
        public static partial void NotTimed(ILogger logger, string messageId, string group, TimeSpan time, string reason);
    }
}
