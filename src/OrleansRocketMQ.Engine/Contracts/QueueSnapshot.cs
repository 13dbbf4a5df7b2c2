using OrleansRocketMQ.Engine.Dispatch.Orderly;

namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>A queue at one moment.</summary>
internal sealed record QueueSnapshot
{
    public required MessageQueue Queue { get; init; }

    /// <summary>The member that works on it.</summary>
    public required string Owner { get; init; }

    /// <summary>What the store knows; -1 when nothing was told yet.</summary>
    public long CommittedOffset { get; init; }

    /// <summary>Below it everything is done; -1 before that is known.</summary>
    public long Watermark { get; init; }

    /// <summary>Where the next pull begins; -1 before that is known.</summary>
    public long NextPullOffset { get; init; }

    /// <summary>Where the queue ends; -1 when that is not known.</summary>
    public long MaxOffset { get; init; }

    public int CachedMessages { get; init; }

    public long CachedBytes { get; init; }

    /// <summary>Messages listeners work on.</summary>
    public int InFlight { get; init; }

    public long CachedMinOffset { get; init; }

    public long CachedMaxOffset { get; init; }

    public DateTimeOffset? LastPulledAt { get; init; }

    public DateTimeOffset? LastConsumedAt { get; init; }

    /// <summary>What last went wrong with it; empty when nothing did.</summary>
    public string LastError { get; init; } = string.Empty;

    public bool IsPaused { get; init; }

    /// <summary>Whether it stands still until it is resumed.</summary>
    public bool HasFailed { get; init; }

    public required ConsumeTotals Totals { get; init; }

    /// <summary>What a listener has been at for the longest time; null when none is at work.</summary>
    public RunningMessage? Slowest { get; init; }

    /// <summary>Whether its lock is held; null where none is needed.</summary>
    public bool? IsLocked { get; init; }

    /// <summary>What is known of it only where it is popped; null where it is pulled.</summary>
    public PoppedSnapshot? Popped { get; init; }

    /// <summary>What is known of it only where it is consumed in order.</summary>
    public OrderlySnapshot? Orderly { get; init; }

    /// <summary>What is known of it only where it is consumed by keys.</summary>
    public KeyOrderedSnapshot? Keys { get; init; }
}

/// <summary>A queue that is popped.</summary>
/// <param name="Unacknowledged">Messages the broker has not heard of.</param>
/// <param name="Late">Messages that were done when others could have them already, since it started here.</param>
/// <param name="Lost">Messages held here whose time was over before that could be prolonged, since it started here.</param>
/// <param name="IsInOrder">Whether its broker gives nothing more until it has heard of all that it gave.</param>
internal sealed record PoppedSnapshot(int Unacknowledged, long Late, long Lost, bool IsInOrder = false);

/// <summary>A message a listener works on.</summary>
internal sealed record RunningMessage(string MessageId, long Offset, TimeSpan Age);

/// <summary>A queue that is consumed in order.</summary>
/// <param name="IsLocked">Whether it may be worked on.</param>
/// <param name="IsSuspended">Whether it pauses after a failure.</param>
/// <param name="UncommittedMessages">Messages that succeeded and are not committed.</param>
/// <param name="Failing">Messages that have failed and are not done.</param>
/// <param name="ParkedKeys">Keys that are set aside.</param>
internal sealed record OrderlySnapshot(
    bool IsLocked,
    bool IsSuspended,
    int UncommittedMessages,
    IReadOnlyList<MessageFailures> Failing,
    IReadOnlyList<ParkedKeySnapshot> ParkedKeys);

/// <summary>A key that is set aside.</summary>
internal sealed record ParkedKeySnapshot(string Key, int Messages, long FirstOffset);

/// <summary>A queue that is consumed by keys.</summary>
/// <param name="BlockedKeys">Keys whose first message waits.</param>
/// <param name="BlockedMessages">Messages of theirs.</param>
/// <param name="BlockedKey">One of them; empty when there is none.</param>
/// <param name="Failures">How often that one has failed.</param>
/// <param name="LastError">Why.</param>
internal sealed record KeyOrderedSnapshot(
    int BlockedKeys = 0, int BlockedMessages = 0, string BlockedKey = "", int Failures = 0, string LastError = "");
