namespace OrleansRocketMQ.Engine.Queue;

/// <summary>Why a queue goes on at another offset.</summary>
internal enum MoveReason
{
    /// <summary>Somebody asked for it.</summary>
    Seek,

    /// <summary>The broker demands it.</summary>
    Reset,

    /// <summary>Another member has gone on with the queue, and has stored how far it came.</summary>
    Overtaken,
}

/// <summary>How far a move is.</summary>
internal enum MoveStep
{
    /// <summary>Nothing is done about it yet.</summary>
    Asked,

    /// <summary>The store is being told, or was told and has not said yes.</summary>
    Storing,

    /// <summary>The store has the offset; listeners are waited for.</summary>
    Stored,
}

/// <summary>
/// A queue is on its way to another offset: the store gets it at once, what no listener has is dropped, and what listeners
/// have is waited for.
/// </summary>
/// <param name="Reason">Why.</param>
/// <param name="Offset">Where the queue goes on.</param>
/// <param name="Number">Counts the moves of a queue, so that news of an earlier one is not taken for news of this one.</param>
/// <param name="Step">How far it is.</param>
internal sealed record QueueMove(MoveReason Reason, long Offset, int Number, MoveStep Step)
{
    /// <summary>Whether the store has the offset.</summary>
    public bool IsStored => Step == MoveStep.Stored;
}
