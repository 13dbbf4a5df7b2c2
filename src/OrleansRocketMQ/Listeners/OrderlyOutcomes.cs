using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Dispatch.Orderly;

/// <summary>Brings what a listener has said of single messages together with the result of their batch, which is in order.</summary>
internal static class OrderlyOutcomes
{
    /// <summary>What becomes of the batch.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="context">What was said of its messages.</param>
    /// <param name="stopped">How it failed; null when it succeeded.</param>
    /// <param name="autoCommit">Whether it was to be committed at once.</param>
    /// <param name="first">The place of its first message in the run.</param>
    /// <returns>
    /// How many of its messages, from the first on, are done; what stops the run behind them; and which messages are to be dead
    /// letters, among the ones that are done or in what stops the run.
    /// </returns>
    public static (int Done, StoppedBatch? Stopped, List<RejectedByListener>? Rejected) Apply(
        ArraySegment<MessageExt> batch, ConsumeOrderlyContext context, StoppedBatch? stopped, bool autoCommit, int first)
    {
        if (!context.HasOutcomes || stopped is { IsRollback: true })
        {
            return (stopped is null ? batch.Count : 0, stopped, null);
        }

        var done = 0;
        while (done < batch.Count && (context.OutcomeOf(batch[done]) is { } said ? said.Rejected is not null : stopped is null))
        {
            done++;
        }

        if (done == batch.Count)
        {
            return (done, null, RejectedOf(batch, context, first));
        }

        if (context.OutcomeOf(batch[done]) is { RetryAfter: { } time })
        {
            // Those behind it have not failed; they only must not overtake it.
            stopped = new(1, IsRollback: false, Pause: null, autoCommit, Error: null, ErrorTypes.RetryAfter) { RetryAfter = time };
            return (done, stopped, RejectedOf(batch[..done], context, first));
        }

        stopped = stopped! with { Count = batch.Count - done, RetryAfter = LongestOf(batch[done..], context) };
        return (done, stopped, RejectedOf(batch, context, first));
    }

    private static List<RejectedByListener>? RejectedOf(ArraySegment<MessageExt> batch, ConsumeOrderlyContext context, int first)
    {
        List<RejectedByListener>? rejected = null;
        for (var index = 0; index < batch.Count; index++)
        {
            if (context.OutcomeOf(batch[index])?.Rejected is { } reason)
            {
                (rejected ??= []).Add(new(first + index, reason));
            }
        }

        return rejected;
    }

    // The batch comes again together, so nobody before the time that was asked for.
    private static TimeSpan? LongestOf(ArraySegment<MessageExt> batch, ConsumeOrderlyContext context)
    {
        TimeSpan? longest = null;
        foreach (var message in batch)
        {
            if (context.OutcomeOf(message)?.RetryAfter is { } time && !(longest > time))
            {
                longest = time;
            }
        }

        return longest;
    }
}
