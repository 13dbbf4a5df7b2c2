using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Every listener grain has this extension: it takes a run of messages in one grain call and gives them to the
/// listener batch by batch, inside the grain's own turn. So the price of a grain call is paid per run, not per message,
/// while the listener still sees batches of the size it asked for.
/// </summary>
[Alias("OrleansRocketMQ.IListenerRunner")]
internal interface IListenerRunner : IGrainExtension
{
    /// <summary>Consumes a run. Never fails because the listener does; the result tells what did.</summary>
    // Far above any listener's time: the dispatcher watches over time-outs, a silo's death ends the call at once.
    [ResponseTimeout("1.00:00:00")]
    [Alias("Run")]
    ValueTask<DispatchBatchResult> RunAsync(DispatchBatch run, CancellationToken cancellationToken);
}

/// <summary>Messages for a listener.</summary>
/// <param name="Group">The consumer group.</param>
/// <param name="Queue">The queue they were pulled from.</param>
/// <param name="BatchSize">Messages per call of the listener.</param>
/// <param name="TimeLimit">The run stops after the batch in which this time is over, so that what is left can go elsewhere.</param>
/// <param name="Messages">The messages, in order.</param>
/// <param name="ConsumeTimeout">How long the listener may have one batch.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ListenerRun")]
internal sealed record DispatchBatch(
    [property: Id(0)] string Group,
    [property: Id(1)] MessageQueue Queue,
    [property: Id(2)] int BatchSize,
    [property: Id(3)] TimeSpan TimeLimit,
    [property: Id(4)] ArraySegment<MessageExt> Messages,
    [property: Id(5)] TimeSpan ConsumeTimeout) : IRun
{
    /// <summary>Whether the run ends with the first batch that fails, because what is behind it must not overtake it.</summary>
    [Id(20)]
    public bool InOrder { get; init; }

    /// <summary>How often the first message has failed beside what it tells itself.</summary>
    [Id(21)]
    public int Failures { get; init; }

    /// <summary>Lets the dispatcher take back what has not begun; does not travel, so only a listener on the same silo has it.</summary>
    [field: NonSerialized]
    public BatchClaim? Share { get; init; }

    /// <summary>
    /// By what right the messages are given; does not travel, so it is there only when the listener is on the queue's silo. A
    /// queue of the same name that runs where the listener is may be another one.
    /// </summary>
    [field: NonSerialized]
    public IOwnership? Ownership { get; init; }

    /// <summary>Whether an administrator wants it, not the queue.</summary>
    [Id(22)]
    public bool IsDirect { get; init; }

    /// <summary>The activation that is to have it; default: any. See <see cref="ListenerActivation"/>.</summary>
    [Id(23)]
    public ActivationId Activation { get; init; }

    /// <summary>Whether the listener has one activation in the cluster, which the caller names when it is asked to.</summary>
    [Id(24)]
    public bool IsOfOne { get; init; }

    /// <summary>Lets a listener on the same silo have its time anew; does not travel.</summary>
    [field: NonSerialized]
    public RenewableCall? Renewable { get; init; }

    /// <summary>Where a listener on another silo sends word that it wants its time anew; null when it cannot be elsewhere.</summary>
    [Id(25)]
    public ICallRenewals? Renewals { get; init; }

    /// <summary>Who makes the call, and which of its calls it is.</summary>
    [Id(26)]
    public (long Slot, long Number) Call { get; init; }

    /// <summary>The listener has asked for its time anew. Waits for nobody.</summary>
    public void Renew()
    {
        if (Renewable is { } here)
        {
            here.Renew();
        }
        else
        {
            Renewals?.RenewAsync(Call.Slot, Call.Number).Ignore();
        }
    }

    /// <summary>Which reading of the queue the messages belong to.</summary>
    [Id(30)]
    public QueueReading Reading { get; init; }
}

/// <summary>What became of a run.</summary>
/// <param name="Consumed">How many messages, from the first on, were given to the listener.</param>
/// <param name="ListenerTime">The time the listener took for them.</param>
/// <param name="Failures">Those of them that failed; null when none did.</param>
/// <param name="TimedOut">How many of the failures, the last ones, failed because the listener had them for too long.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ListenerRunResult")]
internal sealed record DispatchBatchResult(
    [property: Id(0)] int Consumed,
    [property: Id(1)] TimeSpan ListenerTime,
    [property: Id(2)] IReadOnlyList<ListenerFailure>? Failures,
    [property: Id(3)] int TimedOut = 0) : IRunResult
{
    /// <summary>Nothing was given to the listener, because its silo stops; the next call finds it elsewhere.</summary>
    public static readonly DispatchBatchResult Refused = new(0, TimeSpan.Zero, null) { IsRefused = true };

    /// <summary>Whether it is <see cref="Refused"/>.</summary>
    [Id(4)]
    public bool IsRefused { get; init; }

    /// <summary>The activation that has consumed it, or that wants to be named before it does.</summary>
    [Id(5)]
    public ActivationId Activation { get; init; }

    /// <summary>The silo of the listener, when any message failed.</summary>
    [Id(6)]
    public string? Silo { get; init; }

    /// <summary>Why the listener, where it is, can take nothing just now; null when it has not said so.</summary>
    [Id(7)]
    public string? Held { get; init; }

    /// <summary>Nothing was given to the listener, because it can take nothing just now.</summary>
    public static DispatchBatchResult HeldBy(string why) => Refused with { Held = why };

    /// <summary>Nothing was given to the listener; it is to be sent again to this activation.</summary>
    public static DispatchBatchResult RefusedUnlessNamed(ActivationId activation) => Refused with { Activation = activation };
}

/// <summary>A message a listener failed on.</summary>
/// <param name="Index">Its place in the run.</param>
/// <param name="DelayLevel">What the listener wants: see <see cref="ConsumeContext.DelayLevelWhenNextConsume"/>.</param>
/// <param name="Error">The exception's text, when one was thrown.</param>
/// <param name="ErrorType">Why it failed, in few different words: see <see cref="ErrorTypes"/>.</param>
/// <param name="Reason">Why it is to be a dead letter at once, to be told with it.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.FailedMessage")]
internal readonly record struct ListenerFailure(
    [property: Id(0)] int Index,
    [property: Id(1)] int DelayLevel,
    [property: Id(2)] string? Error,
    [property: Id(3)] string? ErrorType = null,
    [property: Id(4)] string? Reason = null)
{
    /// <summary>The time after which the listener wants it again; null where it has not said.</summary>
    [Id(5)]
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Where the exception was thrown, shortened; null when there was none.</summary>
    [Id(6)]
    public string? Stack { get; init; }

    /// <summary>Whether its queue is to stand still.</summary>
    [Id(7)]
    public bool StopsQueue { get; init; }

    /// <summary>As the engine knows it.</summary>
    /// <param name="silo">The silo of the listener.</param>
    public FailedMessage ToFailedMessage(string? silo)
        => new(Index, DelayLevel, Error, ErrorType, Reason)
        {
            RetryAfter = RetryAfter,
            StopsQueue = StopsQueue,
            Stack = Stack,
            Member = silo,
        };

    /// <summary>What the listener has said of a message.</summary>
    public static ListenerFailure Of(int index, MessageOutcome said) => said.RetryAfter is { } time
        ? new(index, DelayLevels.Of(time), null, ErrorTypes.RetryAfter) { RetryAfter = time }
        : new(index, ConsumeContext.ToDeadLetters, said.Rejected, ErrorTypes.Rejected, said.Rejected);

    /// <summary>A message a listener had for too long.</summary>
    public static ListenerFailure TimedOut(int index, TimeSpan limit)
    {
        var failed = FailedMessage.TimedOut(index, limit);
        return new(failed.Index, failed.DelayLevel, failed.Error, failed.ErrorType);
    }
}
