namespace OrleansRocketMQ.Engine.Ports;

/// <summary>The cluster's word on whether this process is one of its members. Thread-safe.</summary>
internal interface IMembership
{
    /// <summary>Whether the cluster has declared this process dead, as far as is known. Answers at once.</summary>
    bool IsDead { get; }

    /// <summary>Reads the membership anew; what is known afterwards is not older than the call.</summary>
    /// <exception cref="Exception">It could not be read.</exception>
    Task ReadAsync(CancellationToken cancellationToken);
}
