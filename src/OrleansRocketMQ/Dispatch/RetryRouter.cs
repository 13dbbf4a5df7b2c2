using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Gives failed messages back to the broker, which brings them again after a while or files them under %DLQ%. First by
/// a request for it; when that fails, by sending a copy to %RETRY%. Only when the broker has said yes may the message
/// count as done. Mirrors <c>DefaultMQPushConsumerImpl.sendMessageBack</c>.
/// </summary>
internal sealed partial class RetryRouter(
    RocketMQClient client,
    Producer producer,
    ConsumerOptions options,
    ILogger<RetryRouter> logger)
{
    private const int FirstRetryDelayLevel = 3;

    /// <summary>
    /// Hands a message back, in <see cref="ConsumerOptions.MaxRetryTimes"/> attempts with a pause between them. The first
    /// one was somebody else's.
    /// </summary>
    /// <exception cref="MessageConsumeException">Nobody took it. It must stay in its queue and be given to the listener again.</exception>
    /// <exception cref="OperationCanceledException">The queue stops; the message comes again wherever it goes.</exception>
    public async Task SendBackAgainAsync(MessageExt message, int delayLevel, TimeProvider time, CancellationToken stopping, CancellationToken abandon)
    {
        for (var attempt = 2; attempt <= options.MaxRetryTimes; attempt++)
        {
            await Task.Delay(options.RetryInterval, time, stopping).ConfigureAwait(false);
            if (await SendBackAsync(message, delayLevel, abandon).ConfigureAwait(false))
            {
                return;
            }
        }

        throw new MessageConsumeException(
            $"Message {message.MessageId} of group '{options.Group}' could not be handed back in {options.MaxRetryTimes} attempts; the listener gets it again.");
    }

    /// <summary>Whether failed messages are given up at once: where every member gets every message, none comes again. Logs them then.</summary>
    public bool GivesUp(ReadOnlySpan<MessageExt> messages)
    {
        if (options.MessageModel != MessageModel.Broadcasting)
        {
            return false;
        }

        foreach (var message in messages)
        {
            Log.GivenUp(logger, message.MessageId, options.Group);
        }

        return true;
    }

    /// <summary>Whether the broker files the message under %DLQ% instead of bringing it again. Mirrors what brokers decide by.</summary>
    public bool IsLast(MessageExt message, int delayLevel) => delayLevel < 0 || message.ReconsumeTimes >= options.MaxReconsumeTimes;

    /// <summary>Whether the broker has taken the message over. Never throws: without a yes the message stays where it is.</summary>
    public async Task<bool> SendBackAsync(MessageExt message, int delayLevel, CancellationToken cancellationToken)
    {
        if (GivesUp([message]))
        {
            return true;
        }

        try
        {
            await RequestAsync(message, delayLevel, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            Log.SendBackFailed(logger, message.MessageId, options.Group, exception.Message);
        }

        if (message.BodyError is not null)
        {
            // Only the broker can bring it again as it is: a copy would carry the bytes nobody could read, but no more say
            // that they are compressed, and a listener would take them for the body.
            return false;
        }

        return await SendCopyAsync(CopyForRetry(message, message.ReconsumeTimes, delayLevel), message.MessageId, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Gives up on a message that was consumed in order. A copy goes to %RETRY% that says it has failed too often, so the
    /// broker files it under %DLQ%; by a lock in force it also knows the group as orderly. Mirrors
    /// <c>ConsumeMessageOrderlyService.sendMessageBack</c>.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="reconsumeTimes">How often it had failed before its last attempt.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>Whether the broker has it. Never throws.</returns>
    public Task<bool> SendToDeadLettersAsync(MessageExt message, int reconsumeTimes, CancellationToken cancellationToken)
        => GivesUp([message]) ? Task.FromResult(true) : message.BodyError is null
            ? SendCopyAsync(CopyForRetry(message, reconsumeTimes, delayLevel: 0), message.MessageId, cancellationToken)
            : SendBackAsync(message, ConsumeContext.ToDeadLetters, cancellationToken);

    private async Task<bool> SendCopyAsync(Message copy, string messageId, CancellationToken cancellationToken)
    {
        try
        {
            await producer.SendAsync(copy, cancellationToken: cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            Log.RetrySendFailed(logger, messageId, options.Group, exception);
            return false;
        }
    }

    /// <summary>
    /// Has the broker file a message under %DLQ% at once. No copy is sent when it refuses: that would come again behind
    /// messages it must not fall behind.
    /// </summary>
    /// <returns>Whether the broker has done it. Never throws.</returns>
    public async Task<bool> FileAsDeadAsync(MessageExt message, CancellationToken cancellationToken)
    {
        try
        {
            await RequestAsync(message, ConsumeContext.ToDeadLetters, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            Log.NotFiledAsDead(logger, message.MessageId, options.Group, exception);
            return false;
        }
    }

    private async Task RequestAsync(MessageExt message, int delayLevel, CancellationToken cancellationToken)
    {
        var broker = client.Routes.FindAddress(message.BrokerName, onlyThisBroker: true)
            ?? throw new BrokerNotAvailableException($"No master of broker '{message.BrokerName}' is known.");
        await client.Brokers.SendMessageBackAsync(
            broker.Address,
            message.BrokerName,
            message.CommitLogOffset,
            options.Group,
            delayLevel,
            message.MessageId,
            message.Topic,
            options.MaxReconsumeTimes,
            options.UnitMode,
            cancellationToken).ConfigureAwait(false);
    }

    private Message CopyForRetry(MessageExt message, int reconsumeTimes, int delayLevel)
    {
        var copy = new Message(SystemTopics.Retry(options.Group), message.Body) { Flag = message.Flag };
        foreach (var (name, value) in message.Properties)
        {
            copy[name] = value;
        }

        copy[MessageProperties.OriginMessageId] = message.OriginMessageId ?? message.MessageId;
        copy[MessageProperties.RetryTopic] = client.Names.Wrap(message.Topic);
        copy[MessageProperties.ReconsumeTime] = Text(reconsumeTimes + 1);
        copy[MessageProperties.MaxReconsumeTimes] = Text(options.MaxReconsumeTimes);
        copy[MessageProperties.TransactionPrepared] = null;
        copy.DelayLevel = delayLevel > 0 ? delayLevel : FirstRetryDelayLevel + reconsumeTimes;
        return copy;
    }

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static partial class Log
    {
        [LoggerMessage(113, LogLevel.Error, "Message {MessageId} of group {Group} failed; in broadcasting it does not come again")]
        public static partial void GivenUp(ILogger logger, string messageId, string group);

        [LoggerMessage(111, LogLevel.Warning, "Message {MessageId} of group {Group} was not taken back by its broker; a copy goes to the retry topic, or it stays in its queue: {Reason}")]
        public static partial void SendBackFailed(ILogger logger, string messageId, string group, string reason);

        [LoggerMessage(113, LogLevel.Error, "Message {MessageId} of group {Group} has failed too often, but its broker does not file it under dead letters; it stays in its queue and is tried again")]
        public static partial void NotFiledAsDead(ILogger logger, string messageId, string group, Exception exception);

        [LoggerMessage(112, LogLevel.Error, "Message {MessageId} of group {Group} could not be sent to the retry topic; it stays in its queue and is tried again")]
        public static partial void RetrySendFailed(ILogger logger, string messageId, string group, Exception exception);
    }
}
