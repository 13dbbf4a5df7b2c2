using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Ends calls of listeners that do not end themselves when their time is over: Orleans would wait for them before the
/// silo may stop.
/// </summary>
internal static partial class ListenerAbortGuard
{
    // Enough for a listener that heeds its token, and no noticeable delay for a silo that stops.
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The result of a run if it comes before the token fires. Otherwise the activation is given up, so that no later call
    /// runs beside the one that hangs.
    /// </summary>
    /// <exception cref="OperationCanceledException">
    /// The token has fired. Whoever called has stopped waiting; the messages come again elsewhere.
    /// </exception>
    public static async Task<T> EndInTimeAsync<T>(
        Task<T> consuming,
        IGrainContext grain,
        string group,
        ArraySegment<MessageExt> messages,
        ILogger logger,
        CancellationToken cancellationToken)
    {
        try
        {
            return await consuming.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (!consuming.IsCompleted)
        {
            await Task.WhenAny(consuming, Task.Delay(Grace, CancellationToken.None));
        }

        if (!consuming.IsCompleted)
        {
            Report(logger, group, messages);
            grain.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "The listener hangs."), CancellationToken.None);
        }

        throw new OperationCanceledException(cancellationToken);
    }

    public static void Report(ILogger logger, string group, ArraySegment<MessageExt> messages)
        => Log.ListenerHangs(logger, group, messages.Count, messages[0].MessageId);

    private static partial class Log
    {
        [LoggerMessage(
            102,
            LogLevel.Error,
            "The listener of group {Group} does not heed its token; its call with {Count} messages from {MessageId} on is given up, "
            + "they come again")]
        public static partial void ListenerHangs(ILogger logger, string group, int count, string messageId);
    }
}
