using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Simulation.Checking;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>What a listener says of one message.</summary>
/// <param name="RetryAfter">When it is to come again; null when it is to be a dead letter.</param>
internal sealed record Word(TimeSpan? RetryAfter);

/// <summary>
/// What becomes of an ordered batch by the words of its listener of single messages: brought together with the result of all
/// as in a silo (<c>OrderlyOutcomes</c>).
/// </summary>
/// <param name="Done">How many of its messages, from the first on, are done.</param>
/// <param name="Stopped">What does not succeed behind them; null when nothing does not.</param>
/// <param name="Said">What was said of each and holds; null of those nothing was said of.</param>
internal sealed record OrderlyWords(int Done, FailedBatch? Stopped, IReadOnlyList<Word?> Said)
{
    public static OrderlyWords Of(int count, IReadOnlyDictionary<int, Word> words, bool isConsumed, bool autoCommit)
    {
        var failed = isConsumed ? null : new FailedBatch(count, IsRollback: false, Pause: null, autoCommit, "failed", "test");
        Word?[] said = [.. Enumerable.Range(0, count).Select(index => words.GetValueOrDefault(index))];
        var done = 0;
        while (done < count && (said[done] is { } word ? word.RetryAfter is null : isConsumed))
        {
            done++;
        }

        if (done == count)
        {
            return new(done, null, said);
        }

        if (said[done] is { RetryAfter: { } time })
        {
            // Those behind it have not failed; what was said of them is said again.
            failed = new(1, IsRollback: false, Pause: null, autoCommit, Error: null, ErrorTypes.RetryAfter) { RetryAfter = time };
            return new(done, failed, [.. said.Take(done + 1)]);
        }

        return new(done, failed! with { Count = count - done, RetryAfter = said.Skip(done).Max(static word => word?.RetryAfter) }, said);
    }

    /// <summary>Whether a message is to be a dead letter.</summary>
    public bool IsRejected(int index) => Said.ElementAtOrDefault(index) is { RetryAfter: null };

    /// <summary>Whether a message has failed.</summary>
    public bool HasFailed(int index) => index >= Done && index < Done + (Stopped?.Count ?? 0) && !IsRejected(index);

    /// <summary>Those that are to be dead letters.</summary>
    /// <param name="first">The place of the first message of the batch in its call.</param>
    public IReadOnlyList<RejectedMessage> RejectedFrom(int first)
        => [.. Enumerable.Range(0, Said.Count).Where(IsRejected).Select(index => new RejectedMessage(first + index, AttemptBook.Reason))];
}
