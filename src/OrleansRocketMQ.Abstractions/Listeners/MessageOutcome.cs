namespace OrleansRocketMQ;

/// <summary>What a listener has said of one message, whatever the result of its call. Immutable.</summary>
/// <param name="Rejected">Why the message is to be a dead letter at once; null when it comes again instead.</param>
/// <param name="RetryAfter">The time after which it comes again; null when it does not.</param>
public readonly record struct MessageOutcome(string? Rejected, TimeSpan? RetryAfter)
{
    // As for rules, and far below what a timer takes.
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(40);

    internal static MessageOutcome Reject(string reason)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        return new(reason, null);
    }

    internal static MessageOutcome Retry(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        return new(null, time < s_longest ? time : s_longest);
    }
}
