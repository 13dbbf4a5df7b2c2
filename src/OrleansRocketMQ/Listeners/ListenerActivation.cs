using Orleans.Runtime;

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
            for (var (named, isFirst) = (Known, true); ; isFirst = false)
            {
                var result = await send(run, named, cancellationToken).ConfigureAwait(false);
                named = result.Activation;
                if (!isFirst || !result.IsRefused || named.IsDefault)
                {
                    Note(named);
                    return outcomeOf(result);
                }
            }
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

    /// <summary>
    /// Whether a run must be sent again to the one activation that it names. One that names none comes from where the listener's
    /// home was not known; while silos leave it may have been forwarded by one of them.
    /// </summary>
    /// <param name="named">The activation that the run names; default for none.</param>
    /// <param name="here">The activation that got it.</param>
    /// <param name="mayBeForwarded">Whether it comes from another silo, and silos of the group leave.</param>
    public static bool IsMeantForAnother(ActivationId named, ActivationId here, bool mayBeForwarded)
        => named.IsDefault ? mayBeForwarded : !named.Equals(here);
}

/// <summary>What the listener's side says of a run.</summary>
internal interface IRunResult
{
    /// <summary>Whether nothing was given to the listener.</summary>
    bool IsRefused { get; }

    /// <summary>The activation that has consumed it, or that wants to be named before it does; default for neither.</summary>
    ActivationId Activation { get; }
}
