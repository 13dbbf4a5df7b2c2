using Orleans.Runtime;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// This silo's row in the cluster's list of silos while it joins. A start that ends half-way takes the row back, directly in
/// the list: Orleans' own way through the stages of a silo may wait for what hangs.
/// </summary>
internal sealed partial class ClusterEntry(
    Clustering clustering,
    StopSignals signals,
    IServiceProvider services,
    TimeProvider time,
    ILogger<ClusterEntry> logger) : ILifecycleParticipant<ISiloLifecycle>
{
    private static readonly TimeSpan TryAgain = TimeSpan.FromMilliseconds(20);

    private volatile bool _mayExist;

    public bool HasJoined { get; private set; }

    public void Participate(ISiloLifecycle lifecycle)
    {
        // Orleans writes the row with AfterRuntimeGrainServices, and calls it active with BecomeActive.
        lifecycle.Subscribe(nameof(ClusterEntry), ServiceLifecycleStage.AfterRuntimeGrainServices - 1, BeforeJoining);
        lifecycle.Subscribe(nameof(ClusterEntry), ServiceLifecycleStage.Active, WhenActive);
    }

    /// <summary>Marks the row dead, if there is one.</summary>
    /// <returns>False: it could not be done in time.</returns>
    public async Task<bool> RemoveAsync(CancellationToken cancellationToken)
    {
        // A silo that keeps the list itself takes it along.
        if (!_mayExist || clustering is { IsLocal: true, PrimarySilo: null })
        {
            return true;
        }

        try
        {
            var table = services.GetRequiredService<IMembershipTable>();
            var address = services.GetRequiredService<ILocalSiloDetails>().SiloAddress;
            while (!await TryRemoveAsync(table, address, cancellationToken).WaitAsync(cancellationToken))
            {
                await Task.Delay(TryAgain, time, cancellationToken);
            }

            return true;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            Log.NotRemoved(logger, exception.Message);
            return false;
        }
    }

    private static async Task<bool> TryRemoveAsync(IMembershipTable table, SiloAddress address, CancellationToken cancellationToken)
    {
        var found = await table.ReadRowAsync(address, cancellationToken);
        if (found.TryGet(address) is not { } row || row.Item1.Status == SiloStatus.Dead)
        {
            return true;
        }

        row.Item1.Status = SiloStatus.Dead;
        return await table.UpdateRowAsync(row.Item1, row.Item2, found.Version.Next(), cancellationToken);
    }

    private Task BeforeJoining(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _mayExist = true;
        return Task.CompletedTask;
    }

    private Task WhenActive(CancellationToken cancellationToken)
    {
        HasJoined = signals.TryJoin();
        return HasJoined ? Task.CompletedTask : Task.FromException(new OperationCanceledException(cancellationToken));
    }

    private static partial class Log
    {
        [LoggerMessage(
            2,
            LogLevel.Warning,
            "The row of this silo could not be marked dead in time; the others find out by probes: {Reason}")]
        public static partial void NotRemoved(ILogger logger, string reason);
    }
}
