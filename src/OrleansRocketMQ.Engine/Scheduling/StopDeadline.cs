namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>
/// How long a stop may take, for all it waits for together: queues that are being released already, those that are handed over
/// and listeners that work for other silos. Begins when it is made, and is over at once when the host waits no longer.
/// </summary>
internal sealed class StopDeadline(TimeSpan listeners, TimeProvider time, CancellationToken hostWaitsNoLonger)
{
    /// <summary>What is left for the grains of queues to go, and for all else, after listeners had their time.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly long _began = time.GetTimestamp();

    /// <summary>Fires when the host waits no longer.</summary>
    public CancellationToken Token => hostWaitsNoLonger;

    /// <summary>What listeners have left.</summary>
    public TimeSpan ForListeners => Left(listeners);

    /// <summary>What grains have left to go.</summary>
    public TimeSpan ForGrains => Left(listeners + Rest);

    private TimeSpan Left(TimeSpan all) => hostWaitsNoLonger.IsCancellationRequested || all <= time.GetElapsedTime(_began)
        ? TimeSpan.Zero
        : all - time.GetElapsedTime(_began);
}
