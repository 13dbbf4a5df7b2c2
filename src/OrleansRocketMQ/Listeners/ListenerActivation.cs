using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// The activation of a listener that had the last run. Runs name it, and another one refuses them: Orleans forwards a run to the
/// listener's next home when its silo stops, but breaks its promise as soon as the first home is gone; what is consumed there
/// meanwhile would come again. Thread-safe.
/// </summary>
/// <param name="isOne">Whether the listener has one activation in the cluster; of others nothing is known.</param>
internal sealed class ListenerActivation(bool isOne)
{
    // Boxed, so that of two calls, of which one has been given up, neither leaves half an id behind.
    private volatile object? _known;

    /// <summary>The activation; default when it is not known.</summary>
    public ActivationId Known => _known is ActivationId known ? known : default;

    /// <summary>Sends a run to the activation that is known, and once more to the one that wants to be named.</summary>
    /// <param name="run">The run.</param>
    /// <param name="send">Sends it to an activation; default for any.</param>
    /// <param name="outcomeOf">What its result means.</param>
    /// <param name="cancellationToken">Fires when the result does not count any more.</param>
    public async Task<TOutcome> SendAsync<TRun, TResult, TOutcome>(
        TRun run,
        Func<TRun, ActivationId, CancellationToken, ValueTask<TResult>> send,
        Func<TResult, TOutcome> outcomeOf,
        CancellationToken cancellationToken)
        where TResult : IRunResult
    {
        try
        {
            var result = await send(run, Known, cancellationToken).ConfigureAwait(false);
            if (result.IsRefused && !result.Activation.IsDefault)
            {
                result = await send(run, result.Activation, cancellationToken);
            }

            Note(result.Activation);
            return outcomeOf(result);
        }
        catch
        {
            // The way to it has failed.
            _known = null;
            throw;
        }
    }

    private void Note(ActivationId activation)
    {
        if (!isOne || activation.IsDefault)
        {
            _known = null;
        }
        else if (_known is not ActivationId known || !known.Equals(activation))
        {
            _known = activation;
        }
    }
}

/// <summary>A run as the listener's side gets it.</summary>
internal interface IRun
{
    /// <summary>The consumer group.</summary>
    string Group { get; }

    /// <summary>By what right the messages are given; null when the run comes from another silo.</summary>
    IOwnership? Ownership { get; }

    /// <summary>The activation that is to have it; default for any.</summary>
    ActivationId Activation { get; }

    /// <summary>Whether the listener has one activation in the cluster, which the caller names when it is asked to.</summary>
    bool IsOfOne { get; }

    /// <summary>The name of the call in the cluster; default when nobody will ask after it.</summary>
    (long Slot, long Number) Call { get; }

    /// <summary>Lets a listener on the same silo tell its caller that it is; null on another one.</summary>
    RenewableCall? Renewable { get; }
}

/// <summary>What the listener's side says of a run.</summary>
internal interface IRunResult
{
    /// <summary>Whether nothing was given to the listener.</summary>
    bool IsRefused { get; }

    /// <summary>The activation that has consumed it, or that wants to be named before it does; default for neither.</summary>
    ActivationId Activation { get; }
}

internal static class RunExtensions
{
    /// <summary>Whether its caller, on another silo, asks after it when it hears nothing of it.</summary>
    public static bool IsAskedAfter(this IRun run) => run.Renewable is null && run.Call != default;

    /// <summary>
    /// Whether a run must be sent again to the one activation that it names. One that names none comes from where the listener's
    /// home was not known; while silos of the group leave it may have been forwarded by one of them.
    /// </summary>
    public static bool IsMeantForAnother(this IRun run, ActivationId here, ConsumerRegistry consumers) => run.Activation.IsDefault
        ? run.IsOfOne && run.Ownership is null && consumers.Find(run.Group) is { DoListenersMove: true }
        : !run.Activation.Equals(here);
}
