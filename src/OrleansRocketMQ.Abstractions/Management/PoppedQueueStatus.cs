using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// What is known only of a queue that is popped: its broker hands messages out one by one, and offers again what it does not
/// hear of in time. Immutable.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.PoppedQueueStatus")]
public sealed record PoppedQueueStatus
{
    /// <summary>Messages held here of which the broker has not heard what became of them.</summary>
    [Id(0)]
    public int Unacknowledged { get; init; }

    /// <summary>Messages whose listener was done when others could have them already, since the queue came to its silo.</summary>
    [Id(1)]
    public long Late { get; init; }

    /// <summary>
    /// Messages held here whose invisible time was over before it could be prolonged, since the queue came to its silo: they come
    /// again.
    /// </summary>
    [Id(2)]
    public long Lost { get; init; }

    /// <summary>
    /// Whether it is popped in order, as groups in order and by key do: its broker gives the next messages when it has heard of all
    /// that it gave before. Default false, also of silos older than 0.3.0.
    /// </summary>
    [Id(3)]
    public bool IsInOrder { get; init; }
}
