using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>What a look at the allocation leads to at one member. Decides, and does nothing.</summary>
/// <param name="view">Who is to own which queue.</param>
/// <param name="clientId">The member.</param>
/// <param name="isSubscribed">Whether the group still wants a topic.</param>
internal sealed class RebalancePlan(AllocationView view, string clientId, Func<string, bool> isSubscribed)
{
    /// <summary>The member's queues that do not run there.</summary>
    public IEnumerable<MessageQueue> ToStart(Func<MessageQueue, bool> isRunning)
        => view.QueuesOf(clientId).Where(queue => !isRunning(queue));

    /// <summary>The queues that run there and are to go.</summary>
    /// <param name="running">What runs there.</param>
    /// <param name="began">When the look began; a queue that came later may have come for a reason it has not seen yet.</param>
    public IEnumerable<QueuePump> ToRelease(IEnumerable<QueuePump> running, long began)
        => running.Where(pump => view.OwnerOf(pump.Queue) != clientId && pump.StartedAt < began && !AwaitsItsBroker(pump));

    // A queue nobody owns has vanished from the routes, with its broker most likely. While that owes a commit, only this
    // member knows what must not come again; the queue stays, to go on here or to be handed over when it is back.
    private bool AwaitsItsBroker(QueuePump pump)
        => view.OwnerOf(pump.Queue) is null && isSubscribed(pump.Queue.Topic) && pump.HoldsUncommitted;
}
