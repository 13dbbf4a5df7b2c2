namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>A queue whose progress beyond its commits is written down from time to time.</summary>
internal interface ICheckpointedQueue
{
    MessageQueue Queue { get; }

    /// <summary>Whether there may be anything to write or remove. Asked of every queue in every round.</summary>
    bool MayHaveCheckpointNews { get; }

    /// <summary>Writes down what is done beyond the last commit, if there is news, or removes what says less than the commit.</summary>
    /// <exception cref="OffsetException">The storage did not take it; it is tried again next time.</exception>
    /// <returns>Whether there was anything to write or remove.</returns>
    Task<bool> WriteCheckpointAsync();
}
