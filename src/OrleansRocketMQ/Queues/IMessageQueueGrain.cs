using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Queues;

/// <summary>One queue of one group. Its activation is the queue's owner; that there is only one is the directory's word.</summary>
[Alias("OrleansRocketMQ.IMessageQueueGrain")]
internal interface IMessageQueueGrain : IGrainWithStringKey
{
    /// <summary>Starts the queue unless it runs, and tells on which silo; null when it is about to leave the silo it is on.</summary>
    /// <param name="caller">The silo that asks; the group runs there.</param>
    // Asked again every second; one that is lost in a change of silos must not hold the others up.
    [ResponseTimeout("00:00:05")]
    [Alias("EnsureStarted")]
    Task<SiloAddress?> EnsureStartedAsync(SiloAddress caller);

    [AlwaysInterleave]
    [Alias("GetStatus")]
    Task<QueueStatus> GetStatusAsync();

    /// <summary>The queue goes on at an offset; see <see cref="QueuePump.Seek"/>. False when it does not run here.</summary>
    /// <exception cref="OffsetException">
    /// It was not there in time. It goes there as soon as listeners and the broker let it, unless it had not begun.
    /// </exception>
    [AlwaysInterleave]
    [ResponseTimeout("00:01:00")]
    [Alias("Seek")]
    Task<bool> SeekAsync(long offset);
}
