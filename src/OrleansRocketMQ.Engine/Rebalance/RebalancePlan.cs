using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>What a look at the allocation leads to at one member. Decides, and does nothing.</summary>
/// <param name="view">Who is to own which queue.</param>
/// <param name="clientId">The member.</param>
/// <param name="isSubscribed">Whether the group still wants a topic.</param>
/// <param name="pops">Whether the messages of a queue are to be popped; null while nobody knows.</param>
internal sealed class RebalancePlan(
    AllocationView view, string clientId, Func<string, bool> isSubscribed, Func<MessageQueue, bool?> pops)
{
    /// <summary>The member's queues that do not run there.</summary>
    public IEnumerable<MessageQueue> ToStart(Func<MessageQueue, bool> isRunning)
        => view.QueuesOf(clientId).Where(queue => !isRunning(queue) && pops(queue) is not null);

    /// <summary>The queues that run there and are to go, or to begin anew since their messages come another way from now on.</summary>
    /// <param name="running">What runs there.</param>
    /// <param name="began">When the look began; a queue that came later may have come for a reason it has not seen yet.</param>
    public IEnumerable<IGroupQueue> ToRelease(IEnumerable<IGroupQueue> running, long began)
        => running.Where(pump => !Waits(pump) && (view.OwnerOf(pump.Queue) != clientId
            ? pump.StartedAt < began && !AwaitsItsBroker(pump)
            : ComesAnotherWay(pump)));

    /// <summary>
    /// Whether a queue whose messages come another way stays for now. It goes on where its broker says, since what a queue that is
    /// pulled takes along means nothing to one that is popped. In doubt whether it is still this member's the broker cannot be told
    /// how far it is, and all that was done since the last commit would come again.
    /// </summary>
    public bool Waits(IGroupQueue pump) => ComesAnotherWay(pump) && pump.HoldsUncommitted && !pump.IsCertain;

    private bool ComesAnotherWay(IGroupQueue pump) => pops(pump.Queue) is { } popped && popped != pump.IsPopped;

    // A queue nobody owns has vanished from the routes, with its broker most likely. While that owes a commit, only this
    // member knows what must not come again; the queue stays, to go on here or to be handed over when it is back.
    private bool AwaitsItsBroker(IGroupQueue pump)
        => view.OwnerOf(pump.Queue) is null && isSubscribed(pump.Queue.Topic) && pump.HoldsUncommitted;
}
