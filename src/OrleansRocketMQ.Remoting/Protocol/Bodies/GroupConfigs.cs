namespace OrleansRocketMQ.Protocol;

/// <summary>How a broker treats a group, as far as that is asked for. Mirrors <c>SubscriptionGroupConfig</c>.</summary>
internal sealed record SubscriptionGroupConfig
{
    /// <summary>Queues of the group's %RETRY% topic that the broker puts messages into.</summary>
    public int? RetryQueueNums { get; init; }

    /// <summary>How often a message may fail.</summary>
    public int? RetryMaxTimes { get; init; }

    /// <summary>How long a message that failed waits; null at brokers before 5.0.</summary>
    public GroupRetryPolicy? GroupRetryPolicy { get; init; }
}

/// <summary>All groups of a broker. Mirrors <c>SubscriptionGroupWrapper</c>.</summary>
internal sealed record SubscriptionGroups
{
    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, SubscriptionGroupConfig> SubscriptionGroupTable { get; init => field = value ?? field; }
        = new Dictionary<string, SubscriptionGroupConfig>();
}

/// <summary>How long failed messages of a group wait. Mirrors <c>GroupRetryPolicy</c>.</summary>
internal sealed record GroupRetryPolicy
{
    private const string Exponential = "EXPONENTIAL";

    // A customized policy stands for delay levels, of which a message's first retry has the third.
    private const int FirstRetry = 2;
    private const double LongestMilliseconds = 40.0 * 24 * 3600 * 1000;

    /// <summary><c>EXPONENTIAL</c> or <c>CUSTOMIZED</c>.</summary>
    public string? Type { get; init; }

    /// <summary>What counts for <c>EXPONENTIAL</c>.</summary>
    public ExponentialRetryPolicy? ExponentialRetryPolicy { get; init; }

    /// <summary>What counts for <c>CUSTOMIZED</c>.</summary>
    public CustomizedRetryPolicy? CustomizedRetryPolicy { get; init; }

    /// <summary>How long a message waits that has failed so often before; null when the group has nothing of its own.</summary>
    public TimeSpan? DelayAfter(int reconsumeTimes)
    {
        double? wait = Type == Exponential
            ? ExponentialRetryPolicy?.DelayAfter(reconsumeTimes)
            : CustomizedRetryPolicy is { Next.Count: > 0 and var count } customized
                ? customized.Next[Math.Min(Math.Max(0, reconsumeTimes) + FirstRetry, count - 1)]
                : null;
        return wait is { } milliseconds ? TimeSpan.FromMilliseconds(Math.Clamp(milliseconds, 0, LongestMilliseconds)) : null;
    }

    /// <summary>For the log.</summary>
    public override string ToString() => Type == Exponential
        ? ExponentialRetryPolicy?.ToString() ?? string.Empty
        : string.Join(", ", CustomizedRetryPolicy?.Next.Skip(FirstRetry).Select(time => $"{time} ms") ?? []);
}

/// <summary>Longer and longer waits. Mirrors <c>ExponentialRetryPolicy</c>.</summary>
internal sealed record ExponentialRetryPolicy
{
    private const int MostDoublings = 32;

    /// <summary>The first wait, in milliseconds.</summary>
    public long Initial { get; init; } = 5_000;

    /// <summary>The longest wait, in milliseconds.</summary>
    public long Max { get; init; } = 7_200_000;

    /// <summary>How many times longer each wait is than the one before.</summary>
    public long Multiplier { get; init; } = 2;

    /// <summary>The wait in milliseconds.</summary>
    public double DelayAfter(int reconsumeTimes)
        => Math.Min(Max, Initial * Math.Pow(Multiplier, Math.Clamp(reconsumeTimes, 0, MostDoublings)));
}

/// <summary>Waits one by one, from the first delay level on. Mirrors <c>CustomizedRetryPolicy</c>.</summary>
internal sealed record CustomizedRetryPolicy
{
    /// <summary>The waits, in milliseconds.</summary>
    public IReadOnlyList<long> Next { get; init => field = value ?? []; } = [];
}
