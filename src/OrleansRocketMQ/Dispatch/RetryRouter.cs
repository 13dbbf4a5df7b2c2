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

    /// <summary>Whether the broker has taken the message over. Never throws: without a yes the message stays where it is.</summary>
    public async Task<bool> SendBackAsync(MessageExt message, int delayLevel, CancellationToken cancellationToken)
    {
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

        try
        {
            await producer.SendAsync(CopyForRetry(message, delayLevel), cancellationToken: cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            Log.RetrySendFailed(logger, message.MessageId, options.Group, exception);
            return false;
        }
    }

    private async Task RequestAsync(MessageExt message, int delayLevel, CancellationToken cancellationToken)
    {
        var broker = client.Routes.FindAddress(message.BrokerName)
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

    private Message CopyForRetry(MessageExt message, int delayLevel)
    {
        var copy = new Message(SystemTopics.Retry(options.Group), message.Body) { Flag = message.Flag };
        foreach (var (name, value) in message.Properties)
        {
            copy[name] = value;
        }

        copy[MessageProperties.OriginMessageId] = message.OriginMessageId ?? message.MessageId;
        copy[MessageProperties.RetryTopic] = client.Names.Wrap(message.Topic);
        copy[MessageProperties.ReconsumeTime] = Text(message.ReconsumeTimes + 1);
        copy[MessageProperties.MaxReconsumeTimes] = Text(options.MaxReconsumeTimes);
        copy[MessageProperties.TransactionPrepared] = null;
        copy.DelayLevel = delayLevel > 0 ? delayLevel : FirstRetryDelayLevel + message.ReconsumeTimes;
        return copy;
    }

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static partial class Log
    {
        [LoggerMessage(111, LogLevel.Warning, "Message {MessageId} of group {Group} was not taken back by its broker; a copy goes to the retry topic, or it stays in its queue: {Reason}")]
        public static partial void SendBackFailed(ILogger logger, string messageId, string group, string reason);

        [LoggerMessage(112, LogLevel.Error, "Message {MessageId} of group {Group} could not be sent to the retry topic; it stays in its queue and is tried again")]
        public static partial void RetrySendFailed(ILogger logger, string messageId, string group, Exception exception);
    }
}
