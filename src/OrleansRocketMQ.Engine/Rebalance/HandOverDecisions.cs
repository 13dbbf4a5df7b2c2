using OrleansRocketMQ.Engine.Allocation;

namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>What becomes of a queue that a member wants to run at its own place.</summary>
internal enum StartAnswer
{
    /// <summary>It is this member's: it starts here, unless it runs already.</summary>
    StartsHere,

    /// <summary>It is another's and still runs here; this member's rebalance is about to release it.</summary>
    StillHere,

    /// <summary>It does not run here: it goes to its owner.</summary>
    GoesToOwner,

    /// <summary>It does not run here, and this member does not know its owner: it goes to the one who asks, who does.</summary>
    GoesToCaller,

    /// <summary>It does not run here, and no member of this cluster is to have it: nothing of it stays.</summary>
    Ends,
}

/// <summary>How a queue that has stopped leaves its member.</summary>
/// <param name="GoesAlong">Whether how far it is goes along to another member of this cluster; else it ends here for good.</param>
/// <param name="ClearsCheckpoint">Whether its checkpoint is removed before.</param>
internal readonly record struct Departure(bool GoesAlong, bool ClearsCheckpoint);

/// <summary>What is decided where queues change their member. Decides, and does nothing.</summary>
internal static class HandOverDecisions
{
    /// <summary>A member asks that a queue be started at its own place.</summary>
    /// <param name="owner">The member of this cluster that owns the queue, as this one sees it; null when none does.</param>
    /// <param name="here">This member.</param>
    /// <param name="caller">The member that asks.</param>
    /// <param name="isRunningHere">Whether the queue runs here now.</param>
    public static StartAnswer AnswerTo<TMember>(TMember? owner, TMember here, TMember caller, bool isRunningHere)
        where TMember : class, IEquatable<TMember>
        => here.Equals(owner) ? StartAnswer.StartsHere
        : isRunningHere ? StartAnswer.StillHere
        : owner is not null ? StartAnswer.GoesToOwner
        : caller.Equals(here) ? StartAnswer.Ends
        : StartAnswer.GoesToCaller;

    /// <summary>A queue has stopped here to be released.</summary>
    /// <param name="view">Who owns which queue.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="isCheckpointOutOfReach">Whether it has a checkpoint that its next owner, at another member, cannot see.</param>
    // Left behind, a checkpoint would one day be believed by a member that begins the queue with nothing else.
    public static Departure Leave(AllocationView view, MessageQueue queue, bool isCheckpointOutOfReach)
        => view.OwnerHere(queue) is null
            ? new Departure(GoesAlong: false, ClearsCheckpoint: true)
            : new Departure(GoesAlong: true, ClearsCheckpoint: isCheckpointOutOfReach);
}
