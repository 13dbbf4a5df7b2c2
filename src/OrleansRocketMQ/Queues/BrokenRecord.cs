using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// The record at which a queue stands still because it cannot be decoded. It is asked for again, as it may have been broken
/// on its way; one that stays broken is parked after a while, so that it does not hold up its queue for ever.
/// </summary>
internal sealed partial class BrokenRecord(MessageQueue queue, GroupConsumer consumer, TimeProvider time, ILogger logger)
{
    private long _offset = -1;
    private long _since;
    private int _times;

    /// <summary>It has come broken once more.</summary>
    /// <returns>Where the queue goes on; null: where it is.</returns>
    /// <exception cref="Exception">It cannot be parked now.</exception>
    public async Task<long?> PassAsync(long offset, MessageFormatException reason, CancellationToken cancellationToken)
    {
        if (offset != _offset)
        {
            (_offset, _since, _times) = (offset, time.GetTimestamp(), 0);
        }

        if (++_times < consumer.Options.MaxRetryTimes || time.GetElapsedTime(_since) < consumer.Options.ParkAfter || consumer.Parked is not { } parked)
        {
            return null;
        }

        var message = new ParkedMessage
        {
            Queue = queue,
            Offset = offset,
            MessageId = $"unreadable at {queue} offset {offset}",
            Topic = queue.Topic,
            Parked = time.GetUtcNow(),
            Reason = $"Its record cannot be decoded: {reason.Message}",
        };
        await parked.ParkAsync(message, cancellationToken).ConfigureAwait(false);
        Log.Parked(logger, consumer.Group, queue.Topic, queue.BrokerName, queue.QueueId, offset, reason);
        return offset + 1;
    }

    private static partial class Log
    {
        [LoggerMessage(148, LogLevel.Error, "Group {Group}: the record at {Topic} {Broker}/{QueueId} offset {Offset} still cannot be decoded. It is parked, and the queue goes on behind it")]
        public static partial void Parked(ILogger logger, string group, string topic, string broker, int queueId, long offset, Exception exception);
    }
}
