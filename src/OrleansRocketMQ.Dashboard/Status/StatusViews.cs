namespace OrleansRocketMQ.Dashboard.Status;

// What the page gets. Times are milliseconds, instants milliseconds since 1970; members at their defaults are left out.

/// <summary>All groups of this silo at one moment.</summary>
internal sealed record DashboardView(long Time, int IntervalMs, IReadOnlyList<GroupView> Groups);

/// <summary>A group; without queues and with an error when its status could not be had. A lag that is left out is not known.</summary>
internal sealed record GroupView
{
    public required string Name { get; init; }

    public string? Error { get; init; }

    public string State { get; init; } = string.Empty;

    public long? Lag { get; init; }

    public long Version { get; init; }

    public bool IsPaused { get; init; }

    /// <summary>Circuit breakers that are not closed, in words.</summary>
    public IReadOnlyList<string> Breakers { get; init; } = [];

    /// <summary>Queues that error rules have stopped, in words.</summary>
    public IReadOnlyList<string> Stopped { get; init; } = [];

    public FiguresView Figures { get; init; } = new();

    public DeadLettersView DeadLetters { get; init; } = new();

    public IReadOnlyList<double> History { get; init; } = [];

    public IReadOnlyList<SiloView> Silos { get; init; } = [];

    public IReadOnlyList<TopicView> Topics { get; init; } = [];

    public IReadOnlyList<QueueView> Queues { get; init; } = [];
}

/// <summary>Mirrors <see cref="ConsumeFigures"/>.</summary>
internal sealed record FiguresView
{
    public long Consumed { get; init; }

    public long Failed { get; init; }

    public long SentBack { get; init; }

    public long TimedOut { get; init; }

    public double PerSecond { get; init; }

    public double AverageMs { get; init; }

    public double P99Ms { get; init; }

    public double MaxMs { get; init; }

    public double ListenerMs { get; init; }

    public static FiguresView Of(ConsumeFigures figures) => new()
    {
        Consumed = figures.Consumed,
        Failed = figures.Failed,
        SentBack = figures.SentBack,
        TimedOut = figures.TimedOut,
        PerSecond = Math.Round(figures.MessagesPerSecond, 2),
        AverageMs = Math.Round(figures.AverageLatency.TotalMilliseconds, 2),
        P99Ms = Math.Round(figures.P99Latency.TotalMilliseconds, 2),
        MaxMs = Math.Round(figures.MaxLatency.TotalMilliseconds, 2),
        ListenerMs = Math.Round(figures.AverageListenerTime.TotalMilliseconds, 2),
    };
}

/// <summary>
/// How many dead letters and parked messages wait; null when it is not known. With an error beside a count there may be
/// more.
/// </summary>
internal sealed record DeadLettersView
{
    public int? Count { get; init; }

    public bool HasMore { get; init; }

    /// <summary>How many messages are parked.</summary>
    public int? Parked { get; init; }

    public string? Error { get; init; }
}

/// <summary>The first dead letters, where others could not be read, and how sending all again is going.</summary>
internal sealed record LettersView(IReadOnlyList<DeadLetter> Letters, IReadOnlyList<string> Unread, DeadLetterResend Resend);

/// <summary>A silo that runs the group.</summary>
internal sealed record SiloView(
    string Name,
    string ClientId,
    int Queues,
    bool IsDrained,
    double UptimeMs,
    long Rebalances,
    double PerSecond);

/// <summary>A topic of the group.</summary>
internal sealed record TopicView(string Name, int Queues, long? Lag, bool IsPaused, double? RateLimit, FiguresView Figures);

/// <summary>A queue of the group.</summary>
internal sealed record QueueView
{
    public required string Topic { get; init; }

    public required string Broker { get; init; }

    public required int Id { get; init; }

    public string Silo { get; init; } = string.Empty;

    public string Owner { get; init; } = string.Empty;

    public string PinnedTo { get; init; } = string.Empty;

    public bool IsPinIgnored { get; init; }

    public bool IsMoving { get; init; }

    public bool IsPaused { get; init; }

    public bool IsPausedItself { get; init; }

    public bool HasFailed { get; init; }

    public bool AwaitsLock { get; init; }

    public bool IsPopped { get; init; }

    public bool IsPoppedInOrder { get; init; }

    public int Unacknowledged { get; init; }

    public long? Lag { get; init; }

    public long Committed { get; init; }

    public long Watermark { get; init; }

    public long MaxOffset { get; init; }

    public int Cached { get; init; }

    public long CachedBytes { get; init; }

    public int InFlight { get; init; }

    public int Blocked { get; init; }

    public double PerSecond { get; init; }

    public double P99Ms { get; init; }

    public long Failed { get; init; }

    public string LastError { get; init; } = string.Empty;

    public SlowestView? Slowest { get; init; }
}

/// <summary>The message a listener has had for the longest time.</summary>
internal sealed record SlowestView(string MessageId, long Offset, double AgeMs);

/// <summary>Why a request was refused or failed.</summary>
internal sealed record ProblemView(string Error);

/// <summary>What the caller may do, and the token actions carry.</summary>
internal sealed record SessionView(bool CanAct, bool ShowBodies, string? TokenHeader, string? Token);

/// <summary>One dead letter, with as much of its body as may be shown.</summary>
internal sealed record LetterBodyView(
    string MessageId,
    string Format,
    string Text,
    int Length,
    bool IsCut,
    IReadOnlyDictionary<string, string> Properties);
