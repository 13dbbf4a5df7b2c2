namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>A message a listener failed on.</summary>
/// <param name="Index">Its place in the call.</param>
/// <param name="DelayLevel">When the listener wants it again; 0: as the broker decides; below 0: never.</param>
/// <param name="Error">The exception's text, when one was thrown.</param>
/// <param name="ErrorType">Why it failed, in few different words: see <see cref="ErrorTypes"/>.</param>
/// <param name="Reason">Why it is to be a dead letter at once, to be told with it; null where there is nothing to tell.</param>
internal readonly record struct FailedMessage(int Index, int DelayLevel, string? Error, string? ErrorType = null, string? Reason = null)
{
    // As Java's client sends back what a listener has for too long: it comes again after 10 s.
    private const int TimeoutDelayLevel = 3;

    /// <summary>The delay level of a message that is not to come again.</summary>
    public const int ToDeadLetters = -1;

    /// <summary>
    /// The time after which the listener wants it again; null where it has not said. Where the broker brings it,
    /// <see cref="DelayLevel"/> counts, which goes by it.
    /// </summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether it is to be a dead letter by the listener's word about just this message: others are not to blame.</summary>
    public bool IsRejected => DelayLevel == ToDeadLetters && Reason is not null;

    /// <summary>A message a listener had for too long.</summary>
    public static FailedMessage TimedOut(int index, TimeSpan limit)
        => new(index, TimeoutDelayLevel, $"not consumed within {limit}", ErrorTypes.Timeout);
}

/// <summary>A message that is to be a dead letter by the listener's own word.</summary>
/// <param name="Index">Its place in the call.</param>
/// <param name="Reason">Why.</param>
internal readonly record struct RejectedMessage(int Index, string Reason);
