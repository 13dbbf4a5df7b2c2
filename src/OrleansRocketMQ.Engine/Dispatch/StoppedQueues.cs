using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>Queues that an error rule stops.</summary>
internal static partial class StoppedQueues
{
    /// <summary>
    /// Nothing of the queue is handed out any more, from now on; what is to stay in it must be given back after that.
    /// </summary>
    /// <param name="queue">The queue.</param>
    /// <param name="group">Its group.</param>
    /// <param name="message">The message it stops at.</param>
    /// <param name="error">What went wrong with it.</param>
    /// <param name="logger">Tells of it.</param>
    public static void StopAt(this IDispatchedQueue queue, string group, MessageExt message, string? error, ILogger logger)
    {
        // A rule is about the queue: by a further share of it no gate would be closed, nor opened again.
        queue.Runs.Gate.Stop(new(queue.Source, message.MessageId, message.QueueOffset, error));
        Log.Stopped(logger, group, queue.Source, message.MessageId, message.QueueOffset, error);
    }

    private static partial class Log
    {
        [LoggerMessage(
            198,
            LogLevel.Error,
            "Group {Group}: {Queue} stands still at message {MessageId}, offset {Offset}, by an error rule, until it is resumed at the "
            + "management grain or the dashboard: {Error}")]
        public static partial void Stopped(
            ILogger logger, string group, MessageQueue queue, string messageId, long offset, string? error);
    }
}
