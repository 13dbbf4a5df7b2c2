namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>Why a message is a dead letter, as it is told with the letter.</summary>
/// <param name="Reason">In words; null when nobody has said any.</param>
/// <param name="ErrorType">Why it failed last, in few different words: see <see cref="ErrorTypes"/>.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="LastFailed">When it failed last.</param>
internal sealed record FailureCause(string? Reason, string? ErrorType, int Attempts, DateTimeOffset LastFailed)
{
    /// <summary>Where the exception was thrown; null when there was none.</summary>
    public string? Stack { get; init; }

    /// <summary>The member whose listener failed on it; null when that is the one that files it.</summary>
    public string? Member { get; init; }

    /// <summary>When it failed first; null when that is not known.</summary>
    public DateTimeOffset? FirstFailed { get; init; }
}
