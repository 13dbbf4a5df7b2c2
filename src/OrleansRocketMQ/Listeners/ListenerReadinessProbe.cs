using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Tells whether a listener grain may be given messages where it is. Asked before a run when it may be on a silo that
/// stops: Orleans would forward the run to the grain's next home, but break its promise when the first one is gone, and
/// messages consumed there would come again. A question that is lost so costs nothing, and its answer tells the way.
/// </summary>
[Alias("OrleansRocketMQ.IListenerDoor")]
internal interface IListenerDoor : IGrainExtension
{
    [AlwaysInterleave]
    [ResponseTimeout("00:00:05")]
    [Alias("IsOpen")]
    ValueTask<bool> IsOpenAsync();
}

/// <inheritdoc cref="IListenerDoor"/>
internal sealed class ListenerReadinessProbe(IGrainContext grain, RemoteInvocationDrain guests) : IListenerDoor
{
    /// <summary>Asks; no when the answer is lost with its silo.</summary>
    public static async Task<bool> IsOpenAsync(IAddressable listener, CancellationToken cancellationToken)
    {
        try
        {
            return await listener.AsReference<IListenerDoor>().IsOpenAsync().AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SiloUnavailableException or OrleansMessageRejectionException or TimeoutException)
        {
            return false;
        }
    }

    public ValueTask<bool> IsOpenAsync()
    {
        if (!guests.IsClosed)
        {
            return new(true);
        }

        // The next question finds it elsewhere.
        grain.Deactivate(new(DeactivationReasonCode.ShuttingDown, "The listener's silo stops."), CancellationToken.None);
        return new(false);
    }
}
