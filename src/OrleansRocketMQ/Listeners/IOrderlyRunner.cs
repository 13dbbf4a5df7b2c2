using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Dispatch.Orderly;

/// <summary>
/// The extension of orderly listener grains: takes a run of messages in one grain call and gives them to the listener
/// batch by batch, up to the first batch that does not succeed, inside the grain's own turn. As
/// <see cref="IListenerRunner"/> for the other kinds.
/// </summary>
[Alias("OrleansRocketMQ.IOrderlyRunner")]
internal interface IOrderlyRunner : IGrainExtension
{
    /// <summary>Consumes a run. Never fails because the listener does; the result tells how far it came.</summary>
    [ResponseTimeout("1.00:00:00")]
    [Alias("Run")]
    ValueTask<OrderlyBatchResult> RunAsync(OrderlyBatch run, CancellationToken cancellationToken);

    /// <summary>
    /// The grain's queue has left a silo. If the grain is still there it is let go, so that the next call places it anew,
    /// perhaps beside its queue.
    /// </summary>
    [AlwaysInterleave]
    [Alias("QueueLeft")]
    Task QueueLeftAsync(SiloAddress silo);
}

/// <summary>Messages for an orderly listener.</summary>
/// <param name="Group">The consumer group.</param>
/// <param name="Queue">The queue they were pulled from.</param>
/// <param name="LeaseNumber">The lease of the queue they belong to.</param>
/// <param name="BatchSize">Messages per call of the listener.</param>
/// <param name="TimeLimit">The run stops after the batch in which this time is over.</param>
/// <param name="Messages">The messages, in order.</param>
/// <param name="AutoCommit">Whether what succeeds may be committed at once, unless the listener says otherwise.</param>
/// <param name="MayDecideCommit">Whether the listener may say otherwise.</param>
/// <param name="ReconsumeTimes">How often each has failed; null when none has but what its own count says.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.OrderlyRun")]
internal sealed record OrderlyBatch(
    [property: Id(0)] string Group,
    [property: Id(1)] MessageQueue Queue,
    [property: Id(2)] int LeaseNumber,
    [property: Id(3)] int BatchSize,
    [property: Id(4)] TimeSpan TimeLimit,
    [property: Id(5)] ArraySegment<MessageExt> Messages,
    [property: Id(6)] bool AutoCommit,
    [property: Id(7)] bool MayDecideCommit,
    [property: Id(8)] int[]? ReconsumeTimes) : IRun
{
    /// <summary>
    /// By what right the messages are given; does not travel, so it is there only when the listener is on the queue's silo. A
    /// queue of the same name that runs where the listener is may be another one.
    /// </summary>
    [field: NonSerialized]
    public IOwnership? Ownership { get; init; }

    /// <summary>Whether an administrator wants it, not the queue.</summary>
    [Id(20)]
    public bool IsDirect { get; init; }

    /// <summary>The activation that is to have it; default: any. See <see cref="ListenerActivation"/>.</summary>
    [Id(21)]
    public ActivationId Activation { get; init; }

    /// <summary>Whether the caller names the activation when it is asked to.</summary>
    [Id(22)]
    public bool IsOfOne { get; init; }

    /// <summary>Tells a caller on the same silo that the call is here; does not travel.</summary>
    [field: NonSerialized]
    public RenewableCall? Renewable { get; init; }

    /// <summary>Who makes the call, and which of its calls it is.</summary>
    [Id(23)]
    public (long Slot, long Number) Call { get; init; }

    /// <summary>Which reading of the queue the messages belong to.</summary>
    [Id(30)]
    public QueueReading Reading { get; init; }
}

/// <summary>What became of a run.</summary>
/// <param name="Succeeded">How many messages, from the first on, succeeded.</param>
/// <param name="Committed">How many of them may be committed; if any, then all before them too.</param>
/// <param name="Stopped">The batch behind them that did not succeed; null when none was tried.</param>
/// <param name="Batches">How many batches were tried.</param>
/// <param name="ListenerTime">The time the listener took for them.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.OrderlyRunResult")]
internal sealed record OrderlyBatchResult(
    [property: Id(0)] int Succeeded,
    [property: Id(1)] int Committed,
    [property: Id(2)] StoppedBatch? Stopped,
    [property: Id(3)] int Batches,
    [property: Id(4)] TimeSpan ListenerTime) : IRunResult
{
    /// <summary>Nothing was given to the listener, because its silo stops.</summary>
    public static readonly OrderlyBatchResult Refused = new(0, 0, null, 0, TimeSpan.Zero) { IsRefused = true };

    /// <summary>Whether it is <see cref="Refused"/>.</summary>
    [Id(20)]
    public bool IsRefused { get; init; }

    /// <summary>The activation that has consumed it, or that wants to be named before it does.</summary>
    [Id(21)]
    public ActivationId Activation { get; init; }

    /// <summary>Messages that are to be dead letters by the listener's own word, in order; null when there are none.</summary>
    [Id(22)]
    public IReadOnlyList<RejectedByListener>? Rejected { get; init; }

    /// <summary>The silo of the listener, when any message failed.</summary>
    [Id(23)]
    public string? Silo { get; init; }

    /// <summary>Why the listener, where it is, can take nothing just now; null when it has not said so.</summary>
    [Id(24)]
    public string? Held { get; init; }

    /// <summary>Nothing was given to the listener, because it can take nothing just now.</summary>
    public static OrderlyBatchResult HeldBy(string why) => Refused with { Held = why };

    /// <summary>Nothing was given to the listener; it is to be sent again to this activation.</summary>
    public static OrderlyBatchResult RefusedUnlessNamed(ActivationId activation) => Refused with { Activation = activation };
}

/// <summary>A batch that did not succeed.</summary>
/// <param name="Count">Its messages.</param>
/// <param name="IsRollback">Whether it did not fail, but comes again with all that is not committed.</param>
/// <param name="Pause">How long the listener wants to wait; null: as the group's options say.</param>
/// <param name="AutoCommit">Whether the batch was to be committed at once.</param>
/// <param name="Error">What went wrong; null when the listener just said so.</param>
/// <param name="ErrorType">Why it did not succeed, in few different words: see <see cref="ErrorTypes"/>.</param>
/// <param name="Reason">Why its messages are to be dead letters at once.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.StoppedBatch")]
internal sealed record StoppedBatch(
    [property: Id(0)] int Count,
    [property: Id(1)] bool IsRollback,
    [property: Id(2)] TimeSpan? Pause,
    [property: Id(3)] bool AutoCommit,
    [property: Id(4)] string? Error,
    [property: Id(5)] string? ErrorType = null,
    [property: Id(6)] string? Reason = null)
{
    /// <summary>How long exactly its messages are to wait; null where the listener has not said.</summary>
    [Id(7)]
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether the queue is to stand still.</summary>
    [Id(9)]
    public bool StopsQueue { get; init; }

    /// <summary>Where the exception was thrown, shortened; null when there was none.</summary>
    [Id(8)]
    public string? Stack { get; init; }
}

/// <summary>A message that is to be a dead letter by the listener's own word.</summary>
/// <param name="Index">Its place in the run.</param>
/// <param name="Reason">Why.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.RejectedByListener")]
internal readonly record struct RejectedByListener([property: Id(0)] int Index, [property: Id(1)] string Reason);
