using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// Tells once of a queue that has not moved for longer than its state allows, whatever the reason is: nobody else would
/// notice. Asked from time to time, by one caller.
/// </summary>
/// <param name="group">The group.</param>
/// <param name="queue">The queue.</param>
/// <param name="look">The queue's state, and a number that is another one whenever something was pulled or consumed.</param>
/// <param name="patience">How long states may last.</param>
/// <param name="fail">Hears of a queue that stands still.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class QueueWatchdog(
    string group,
    MessageQueue queue,
    Func<(QueueState State, long Moved)> look,
    QueuePatience patience,
    Action<Exception> fail,
    TimeProvider time,
    ILogger logger)
{
    private (QueueState State, long Moved) _seen;
    private long _seenAt;
    private bool _isTold;

    public void Look()
    {
        var now = time.GetTimestamp();
        var seen = look();
        if (!ReferenceEquals(seen.State, _seen.State) || seen.Moved != _seen.Moved)
        {
            (_seen, _seenAt, _isTold) = (seen, now, false);
            return;
        }

        var stood = time.GetElapsedTime(_seenAt, now);
        if (!_isTold && patience.Of(seen.State.Task) is { } most && stood > most)
        {
            _isTold = true;
            Log.StandsStill(logger, group, queue.Topic, queue.BrokerName, queue.QueueId, stood, seen.State.Phase, seen.State.Task);
            fail(new ConsumerStateException(
                group, $"at {queue} since {stood.TotalMinutes:0} min without a change ({seen.State.Phase})", "go on"));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            138,
            LogLevel.Error,
            "Group {Group}: {Topic} {Broker}/{QueueId} has not moved for {Time}, longer than it may: it is {Phase} ({Task})")]
        public static partial void StandsStill(
            ILogger logger, string group, string topic, string broker, int queueId, TimeSpan time, QueuePhase phase, QueueTask task);
    }
}
