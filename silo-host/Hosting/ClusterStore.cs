using System.Reflection;
using Orleans.Runtime;
using OrleansRocketMQ.SiloHost.Errors;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>Where the silos of a cluster over several machines find each other: a table in a database or the like.</summary>
internal static class ClusterStore
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>Reads the list of silos as a silo does that starts: where the cluster is new, its list is begun.</summary>
    /// <returns>How many silos are in the cluster.</returns>
    /// <exception cref="OperationCanceledException">The caller does not want to know any more.</exception>
    /// <exception cref="StartException">It cannot be read.</exception>
    public static async Task<int> ReadAsync(IServiceProvider services, string providerType, CancellationToken cancellationToken)
    {
        // An instance of its own: the silo's belongs to the silo.
        var kind = services.GetRequiredService<IMembershipTable>().GetType();
        var table = (IMembershipTable)ActivatorUtilities.CreateInstance(services, kind);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            // A driver may pass over the token, so nothing is waited for longer than it either.
            await table.InitializeMembershipTableAsync(tryInitTableVersion: true, patience.Token).WaitAsync(patience.Token);
            var silos = await table.ReadAllAsync(patience.Token).WaitAsync(patience.Token);
            return silos.Members.Count(member => member.Item1.Status == SiloStatus.Active);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException && !cancellationToken.IsCancellationRequested)
        {
            throw new StartException(
                $"the list of silos kept by {providerType} cannot be read: {Innermost(exception).Message} "
                    + "Look at the settings below Orleans:Clustering, "
                    + "and whether the server runs, lets this host in, and has what Orleans' scripts make (docs/operations.md).",
                exception,
                ExitCode.Unreachable);
        }
        finally
        {
            (table as IDisposable)?.Dispose();
        }
    }

    private static Exception Innermost(Exception exception)
        => exception is AggregateException or TargetInvocationException && exception.InnerException is { } inner
            ? Innermost(inner)
            : exception;
}
