using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// The record at which a queue stands still because it cannot be decoded. It is asked for again, as it may have been broken
/// on its way; one that stays broken is parked after a while, so that it does not hold up its queue for ever.
/// </summary>
internal sealed partial class BrokenRecord(MessageQueue queue, QueueEnvironment environment, ILogger logger)
{
    private readonly TimeProvider _time = environment.Runtime.Time;
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
            (_offset, _since, _times) = (offset, _time.GetTimestamp(), 0);
        }

        if (++_times < environment.Options.MaxRetryTimes
            || _time.GetElapsedTime(_since) < environment.Options.ParkAfter
            || environment.Parked is not { } parked)
        {
            return null;
        }

        var reasonToPark = $"Its record cannot be decoded: {reason.Message}";
        var message = new MessageToPark(queue, offset, $"unreadable at {queue} offset {offset}", queue.Topic, reasonToPark)
        {
            Parked = _time.GetUtcNow(),
        };
        await parked.ParkAsync(message, cancellationToken);
        Log.Parked(logger, environment.Options.Group, queue.Topic, queue.BrokerName, queue.QueueId, offset, reason);
        return offset + 1;
    }

    private static partial class Log
    {
        [LoggerMessage(
            148,
            LogLevel.Error,
            "Group {Group}: the record at {Topic} {Broker}/{QueueId} offset {Offset} still cannot be decoded. It is parked, and the "
            + "queue goes on behind it")]
        public static partial void Parked(
            ILogger logger, string group, string topic, string broker, int queueId, long offset, Exception exception);
    }
}
