using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Retry;

/// <summary>
/// Gives failed messages back to the broker, which brings them again after a while or files them under %DLQ%. First by
/// a request for it; when that fails, by sending a copy to %RETRY%. What brokers refuse both ways, again and again, is
/// parked, so that no message holds up its queue for ever. Only when the broker has said yes, or the message is parked,
/// may it count as done. Mirrors <c>DefaultMQPushConsumerImpl.sendMessageBack</c>.
/// </summary>
internal sealed partial class RetryPublisher(
    RetryRules rules,
    RetryTargets targets,
    TimeProvider time,
    ILogger<RetryPublisher> logger)
{
    private readonly RetryQueues _queues = new(targets.Brokers, targets.Routes, rules.Options.Group, time, logger);
    private readonly TimedRetries _timed = new(rules, targets, time, logger);
    private readonly RefusedMessages _refused = new(rules.Options.MaxRetryTimes, rules.Options.ParkAfter, time);

    /// <summary>How often messages may fail, and how long they wait.</summary>
    public RetryRules Rules => rules;

    private ConsumerOptions Options => rules.Options;

    /// <summary>
    /// Hands a message back, in <see cref="ConsumerOptions.MaxRetryTimes"/> attempts with a pause before each of them but the
    /// first, which may have been somebody else's.
    /// </summary>
    /// <param name="queue">The queue the message was pulled from.</param>
    /// <param name="message">The message.</param>
    /// <param name="failure">When it is to come again.</param>
    /// <param name="attempts">How many were made already.</param>
    /// <param name="stopping">Ends the attempts.</param>
    /// <param name="abandon">Gives one up that is under way.</param>
    /// <param name="cause">Why it is to be a dead letter; see <see cref="SendBackAsync"/>.</param>
    /// <exception cref="MessageConsumeException">Nobody took it. It must stay in its queue and be given to the listener again.</exception>
    /// <exception cref="OperationCanceledException">The queue stops; the message comes again wherever it goes.</exception>
    public async Task<PublishOutcome> SendBackAgainAsync(
        MessageQueue queue,
        MessageExt message,
        FailedMessage failure,
        int attempts,
        CancellationToken stopping,
        CancellationToken abandon,
        FailureCause? cause = null)
    {
        for (var attempt = attempts + 1; attempt <= Options.MaxRetryTimes; attempt++)
        {
            if (attempt > 1)
            {
                await Task.Delay(Options.RetryInterval, time, stopping);
            }

            var outcome = await SendBackAsync(queue, message, failure, abandon, cause);
            if (outcome != PublishOutcome.NotTaken)
            {
                return outcome;
            }
        }

        throw new MessageConsumeException(
            $"Message {message.MessageId} of group '{Options.Group}' could not be handed back in {Options.MaxRetryTimes} attempts; "
            + "the listener gets it again.");
    }

    /// <summary>
    /// Whether failed messages are given up at once: where every member gets every message, none comes again. Logs them
    /// then.
    /// </summary>
    public bool GivesUp(ReadOnlySpan<MessageExt> messages)
    {
        if (Options.MessageModel != MessageModel.Broadcasting)
        {
            return false;
        }

        foreach (var message in messages)
        {
            Log.GivenUp(logger, message.MessageId, Options.Group);
        }

        return true;
    }

    /// <summary>Why a message is a dead letter; null when it comes again.</summary>
    public FailureCause? CauseOf(MessageExt message, FailedMessage failure)
        => IsLast(message, failure.DelayLevel) ? failure.ToCause(message.ReconsumeTimes + 1, time.GetUtcNow(), first: null) : null;

    /// <summary>Whether the broker files the message under %DLQ% instead of bringing it again. Mirrors what brokers decide by.</summary>
    public bool IsLast(MessageExt message, int delayLevel) => delayLevel < 0 || message.ReconsumeTimes >= Rules.MaxReconsumeTimes;

    /// <summary>
    /// Has the broker bring a message again, or file it. One that is to be a dead letter with its cause goes as a copy first: a
    /// broker that files what it has itself cannot be told why. So does one that is to come at an exact time. Never
    /// throws: without a yes the message stays where it is.
    /// </summary>
    public async Task<PublishOutcome> SendBackAsync(
        MessageQueue queue, MessageExt message, FailedMessage failure, CancellationToken cancellationToken, FailureCause? cause = null)
    {
        if (GivesUp([message]))
        {
            return PublishOutcome.Taken;
        }

        failure = rules.Timed(failure, message.ReconsumeTimes);
        if (await TellAsync(message, cause, cancellationToken) || await TimeAsync(message, failure, cancellationToken))
        {
            return Taken(queue, message);
        }

        var delayLevel = failure.DelayLevel;
        var refused = await TryAsync(() => RequestAsync(message, delayLevel, cancellationToken));
        if (refused is null)
        {
            return Taken(queue, message);
        }

        Log.SendBackFailed(logger, message.MessageId, Options.Group, refused.Message);

        // The copy of one that is to die says that it has failed too often: brokers know no other way for a copy.
        var attempts = delayLevel < 0 ? Math.Max(message.ReconsumeTimes, Rules.MaxReconsumeTimes) : message.ReconsumeTimes;
        var noCopy = await TryCopyAsync(message, attempts, Math.Max(0, delayLevel), cancellationToken);
        return noCopy is null ? Taken(queue, message) : await NotTakenAsync(queue, message, refused, noCopy, cancellationToken);
    }

    /// <summary>
    /// Gives up on a message that was consumed in order. A copy goes to %RETRY% that says it has failed too often, so the
    /// broker files it under %DLQ%; by a lock in force it also knows the group as orderly. Mirrors
    /// <c>ConsumeMessageOrderlyService.sendMessageBack</c>. A copy that cannot be sent must not block its queue: the broker
    /// is then asked to file what it has itself.
    /// </summary>
    /// <param name="queue">The queue the message was pulled from.</param>
    /// <param name="message">The message.</param>
    /// <param name="reconsumeTimes">How often it had failed before its last attempt.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <param name="cause">Why, to be told with it; null where there is nothing to tell.</param>
    /// <returns>Who has it. Never throws.</returns>
    public async Task<PublishOutcome> SendToDeadLettersAsync(
        MessageQueue queue, MessageExt message, int reconsumeTimes, CancellationToken cancellationToken, FailureCause? cause = null)
    {
        if (GivesUp([message]))
        {
            return PublishOutcome.Taken;
        }

        var noCopy = await TryCopyAsync(message, reconsumeTimes, delayLevel: 0, cancellationToken, cause);
        if (noCopy is null)
        {
            return Taken(queue, message);
        }

        var refused = await TryRequestDeathAsync(message, cancellationToken);
        return refused is null ? Taken(queue, message) : await NotTakenAsync(queue, message, refused, noCopy, cancellationToken);
    }

    /// <summary>
    /// Has the broker file a message under %DLQ% at once. When it refuses, which it does for good when its stored copy is
    /// gone, a copy is sent that says the message has failed too often: it becomes a dead letter, and does not come again
    /// behind messages it must not fall behind.
    /// </summary>
    /// <param name="queue">The queue the message was pulled from.</param>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <param name="cause">Why, to be told with it; see <see cref="SendBackAsync"/>.</param>
    /// <returns>Who has it. Never throws.</returns>
    public async Task<PublishOutcome> FileAsDeadAsync(
        MessageQueue queue, MessageExt message, CancellationToken cancellationToken, FailureCause? cause = null)
    {
        if (GivesUp([message]))
        {
            return PublishOutcome.Taken;
        }

        if (await TellAsync(message, cause, cancellationToken))
        {
            return Taken(queue, message);
        }

        var refused = await TryRequestDeathAsync(message, cancellationToken);
        if (refused is null)
        {
            return Taken(queue, message);
        }

        var attempts = Math.Max(message.ReconsumeTimes, Rules.MaxReconsumeTimes);
        var noCopy = await TryCopyAsync(message, attempts, delayLevel: 0, cancellationToken);
        return noCopy is null ? Taken(queue, message) : await NotTakenAsync(queue, message, refused, noCopy, cancellationToken);
    }

    private static async Task<Exception?> TryAsync(Func<Task> way)
    {
        try
        {
            await way();
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private PublishOutcome Taken(MessageQueue queue, MessageExt message)
    {
        _refused.Forget(queue, message.QueueOffset);
        return PublishOutcome.Taken;
    }

    /// <summary>Neither way was open. What brokers go on refusing is parked; what may come right stays.</summary>
    private async Task<PublishOutcome> NotTakenAsync(
        MessageQueue queue, MessageExt message, Exception refused, Exception noCopy, CancellationToken cancellationToken)
    {
        if (!RefusedMessages.IsAboutTheMessage(refused)
            || !RefusedMessages.IsAboutTheMessage(noCopy)
            || !_refused.Count(queue, message.QueueOffset))
        {
            return PublishOutcome.NotTaken;
        }

        var reason = $"Not taken back: {refused.Message} No copy: {noCopy.Message}";
        var failure = await TryAsync(() => targets.Parked.ParkAsync(Describe(queue, message, reason), cancellationToken));
        if (failure is not null)
        {
            Log.NotParked(logger, message.MessageId, Options.Group, failure);
            return PublishOutcome.NotTaken;
        }

        Log.Parked(logger, message.MessageId, Options.Group, queue, message.QueueOffset, reason);
        _refused.Forget(queue, message.QueueOffset);
        return PublishOutcome.Parked;
    }

    private MessageToPark Describe(MessageQueue queue, MessageExt message, string reason)
        => new(queue, message.QueueOffset, message.MessageId, message.Topic, reason) { Message = message, Parked = time.GetUtcNow() };

    private async Task<Exception?> TryRequestDeathAsync(MessageExt message, CancellationToken cancellationToken)
    {
        var refused = await TryAsync(() => RequestAsync(message, FailedMessage.ToDeadLetters, cancellationToken));
        if (refused is not null)
        {
            Log.NotFiledAsDead(logger, message.MessageId, Options.Group, refused);
        }

        return refused;
    }

    /// <summary>Whether a copy that tells why it is a dead letter was taken. Without a cause there is none to send.</summary>
    private async Task<bool> TellAsync(MessageExt message, FailureCause? cause, CancellationToken cancellationToken)
        => cause is not null
            && await TryCopyAsync(
                message, Math.Max(message.ReconsumeTimes, cause.Attempts - 1), delayLevel: 0, cancellationToken, cause) is null;

    /// <summary>Whether a copy was taken that comes at the time the listener wants.</summary>
    private async Task<bool> TimeAsync(MessageExt message, FailedMessage failure, CancellationToken cancellationToken)
        => failure.RetryAfter is { } after
            && !IsLast(message, failure.DelayLevel)
            && !_queues.HasNone
            && await _timed.TryAsync(message, after, cancellationToken);

    private async Task<Exception?> TryCopyAsync(
        MessageExt message, int reconsumeTimes, int delayLevel, CancellationToken cancellationToken, FailureCause? cause = null)
    {
        if (message.BodyError is { } unreadable)
        {
            // Only the broker can bring it again as it is: a copy would pass on as a body what nobody could read.
            return unreadable;
        }

        if (_queues.HasNone)
        {
            return new RetryQueuesException($"topic {SystemTopics.Retry(Options.Group)} has no queues on any broker");
        }

        var failure = await TryAsync(async () =>
        {
            var topic = targets.Names.Wrap(message.Topic);
            var copy = RetryCopy.Of(
                message, rules, topic, reconsumeTimes, delayLevel, targets.NewMessageId, out var leftOut, cause, targets.Member);
            await targets.Brokers.SendCopyAsync(copy, cancellationToken);
            if (leftOut.Count > 0)
            {
                Log.LeftOut(logger, message.MessageId, Options.Group, string.Join(", ", leftOut));
            }
        });
        if (failure is not null)
        {
            Log.RetrySendFailed(logger, message.MessageId, Options.Group, failure);
        }

        return failure;
    }

    private async Task RequestAsync(MessageExt message, int delayLevel, CancellationToken cancellationToken)
    {
        var broker = targets.Routes.FindMasterOf(message)
            ?? throw new BrokerNotAvailableException($"No master of broker '{message.BrokerName}' is known.");
        await _queues.CheckAsync(broker, IsLast(message, delayLevel), cancellationToken);
        var request = new SendBackRequest(Options.Group, message, delayLevel, Rules.MaxReconsumeTimes, Options.UnitMode);
        await targets.Brokers.SendBackAsync(broker.Address, request, cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(113, LogLevel.Error, "Message {MessageId} of group {Group} failed; in broadcasting it does not come again")]
        public static partial void GivenUp(ILogger logger, string messageId, string group);

        [LoggerMessage(
            111,
            LogLevel.Warning,
            "Message {MessageId} of group {Group} was not taken back by its broker; a copy goes to the retry topic, or it stays in "
            + "its queue: {Reason}")]
        public static partial void SendBackFailed(ILogger logger, string messageId, string group, string reason);

        [LoggerMessage(
            115,
            LogLevel.Error,
            "Message {MessageId} of group {Group} has failed too often, but its broker does not file it under dead letters; another "
            + "way is tried, or it stays in its queue")]
        public static partial void NotFiledAsDead(ILogger logger, string messageId, string group, Exception exception);

        [LoggerMessage(
            114,
            LogLevel.Warning,
            "The copy of message {MessageId} of group {Group} has no room for these properties, which it does without: {Properties}")]
        public static partial void LeftOut(ILogger logger, string messageId, string group, string properties);

        [LoggerMessage(
            116,
            LogLevel.Error,
            "Message {MessageId} of group {Group} is parked: no broker takes it. It lies in {Queue} at offset {Offset}; send it "
            + "again or drop it at the management grain or the dashboard. {Reason}")]
        public static partial void Parked(ILogger logger, string messageId, string group, MessageQueue queue, long offset, string reason);

        [LoggerMessage(
            117,
            LogLevel.Error,
            "Message {MessageId} of group {Group} could not be parked; it stays in its queue and is tried again")]
        public static partial void NotParked(ILogger logger, string messageId, string group, Exception exception);

        [LoggerMessage(
            112,
            LogLevel.Error,
            "Message {MessageId} of group {Group} could not be sent to the retry topic; it stays in its queue and is tried again")]
        public static partial void RetrySendFailed(ILogger logger, string messageId, string group, Exception exception);
    }
}

/// <summary>Where failed messages go.</summary>
/// <param name="Brokers">Brokers that take them back.</param>
/// <param name="Routes">Where those are.</param>
/// <param name="Parked">Who notes what they do not take.</param>
/// <param name="Names">The names of topics on the wire.</param>
/// <param name="NewMessageId">Makes the id of a copy whose message has none.</param>
internal sealed record RetryTargets(
    IRetryBroker Brokers, IRoutes Routes, IParkedMessageStore Parked, ClientNamespace Names, Func<string> NewMessageId)
{
    /// <summary>This member, to be told with dead letters; null where nobody asks.</summary>
    public string? Member { get; init; }
}
