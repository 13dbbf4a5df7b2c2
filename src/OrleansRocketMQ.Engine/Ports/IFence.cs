namespace OrleansRocketMQ.Engine.Ports;

/// <summary>Whether this member may still believe that its queues are its own. Thread-safe.</summary>
internal interface IFence
{
    /// <summary>It has closed (true) or opened; told one after the other.</summary>
    event Action<bool>? Changed;

    /// <summary>Whether nothing may be done for the queues now. Asked for every run of messages, within locks: takes none itself.</summary>
    bool IsClosed { get; }

    /// <summary>Ends when it is open.</summary>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    Task WaitUntilOpenAsync(CancellationToken cancellationToken);
}
