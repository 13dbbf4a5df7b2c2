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
internal sealed partial class RetryPublisher(
    RocketMQClient client,
    ConsumerOptions options,
    ILogger<RetryPublisher> logger)
{
    /// <summary>The group under which Java's client sends what it could not hand back.</summary>
    public const string ProducerGroup = "CLIENT_INNER_PRODUCER";

    private const int SendAttempts = 3;

    private readonly PublishQueues _queues = new(client, SystemTopics.AutoCreateKey, defaultQueueCount: 4);
    private int _nextQueue = Random.Shared.Next();

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

        return await SendCopyAsync(message, message.ReconsumeTimes, delayLevel, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Gives up on a message that was consumed in order. A copy goes to %RETRY% that says it has failed too often, so the
    /// broker files it under %DLQ%; by a lock in force it also knows the group as orderly. Mirrors
    /// <c>ConsumeMessageOrderlyService.sendMessageBack</c>. A copy that cannot be sent must not block its queue: the broker
    /// is then asked to file what it has itself.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="reconsumeTimes">How often it had failed before its last attempt.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>Whether the broker has it. Never throws.</returns>
    public async Task<bool> SendToDeadLettersAsync(MessageExt message, int reconsumeTimes, CancellationToken cancellationToken)
    {
        if (GivesUp([message]))
        {
            return true;
        }

        return (message.BodyError is null && await SendCopyAsync(message, reconsumeTimes, delayLevel: 0, cancellationToken).ConfigureAwait(false))
            || await RequestDeathAsync(message, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Has the broker file a message under %DLQ% at once. When it refuses, which it does for good when its stored copy is
    /// gone, a copy is sent that says the message has failed too often: it becomes a dead letter, and does not come again
    /// behind messages it must not fall behind.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>Whether the broker has done it. Never throws.</returns>
    public async Task<bool> FileAsDeadAsync(MessageExt message, CancellationToken cancellationToken)
        => await RequestDeathAsync(message, cancellationToken).ConfigureAwait(false)
            || (message.BodyError is null
                && await SendCopyAsync(message, Math.Max(message.ReconsumeTimes, options.MaxReconsumeTimes), delayLevel: 0, cancellationToken).ConfigureAwait(false));

    private async Task<bool> RequestDeathAsync(MessageExt message, CancellationToken cancellationToken)
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

    private async Task<bool> SendCopyAsync(MessageExt message, int reconsumeTimes, int delayLevel, CancellationToken cancellationToken)
    {
        try
        {
            var copy = RetryCopy.Of(message, options, client.Names.Wrap(message.Topic), reconsumeTimes, delayLevel, out var leftOut);
            await SendAsync(copy, cancellationToken).ConfigureAwait(false);
            if (leftOut.Count > 0)
            {
                Log.LeftOut(logger, message.MessageId, options.Group, string.Join(", ", leftOut));
            }

            return true;
        }
        catch (Exception exception)
        {
            Log.RetrySendFailed(logger, message.MessageId, options.Group, exception);
            return false;
        }
    }

    /// <summary>Sends to one queue after the other, on another broker if there is one. No size is checked: the broker's own limit counts.</summary>
    private async Task SendAsync(SendMessageRequest copy, CancellationToken cancellationToken)
    {
        var queues = await _queues.GetAsync(copy.Topic, cancellationToken).ConfigureAwait(false);
        var tried = new HashSet<string>(StringComparer.Ordinal);
        for (var attempt = 1; ; attempt++)
        {
            var untried = queues.Where(queue => !tried.Contains(queue.BrokerName)).ToArray();
            var choice = untried.Length > 0 ? untried : [.. queues];
            var queue = choice[(Interlocked.Increment(ref _nextQueue) & int.MaxValue) % choice.Length];
            tried.Add(queue.BrokerName);
            try
            {
                var master = client.Routes.FindAddress(queue.BrokerName, BrokerData.MasterId, onlyThisBroker: true)
                    ?? throw new BrokerNotAvailableException($"No master of broker '{queue.BrokerName}' is known.");
                await client.Brokers.SendAsync(master.Address, copy with { BrokerName = queue.BrokerName, QueueId = queue.QueueId }, cancellationToken: cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception) when (attempt < SendAttempts && !cancellationToken.IsCancellationRequested)
            {
                // The next one may take it.
            }
            catch
            {
                _queues.Forget(copy.Topic);
                throw;
            }
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

    private static partial class Log
    {
        [LoggerMessage(113, LogLevel.Error, "Message {MessageId} of group {Group} failed; in broadcasting it does not come again")]
        public static partial void GivenUp(ILogger logger, string messageId, string group);

        [LoggerMessage(111, LogLevel.Warning, "Message {MessageId} of group {Group} was not taken back by its broker; a copy goes to the retry topic, or it stays in its queue: {Reason}")]
        public static partial void SendBackFailed(ILogger logger, string messageId, string group, string reason);

        [LoggerMessage(115, LogLevel.Error, "Message {MessageId} of group {Group} has failed too often, but its broker does not file it under dead letters; another way is tried, or it stays in its queue")]
        public static partial void NotFiledAsDead(ILogger logger, string messageId, string group, Exception exception);

        [LoggerMessage(114, LogLevel.Warning, "The copy of message {MessageId} of group {Group} has no room for these properties, which it does without: {Properties}")]
        public static partial void LeftOut(ILogger logger, string messageId, string group, string properties);

        [LoggerMessage(112, LogLevel.Error, "Message {MessageId} of group {Group} could not be sent to the retry topic; it stays in its queue and is tried again")]
        public static partial void RetrySendFailed(ILogger logger, string messageId, string group, Exception exception);
    }
}
