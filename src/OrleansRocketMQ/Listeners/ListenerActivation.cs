using Orleans.Runtime;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// The activation of a listener that had the last run. Runs name it, and another one refuses them: Orleans forwards a run to the
/// listener's next home when its silo stops, but breaks its promise as soon as the first home is gone; what is consumed there
/// meanwhile would come again. Thread-safe.
/// </summary>
internal sealed class ListenerActivation
{
    // Boxed, so that of two calls, of which one has been given up, neither leaves half an id behind.
    private volatile object? _known;

    /// <summary>The activation; default when it is not known.</summary>
    public ActivationId Known => _known is ActivationId known ? known : default;

    /// <summary>It has answered; default when it did not say who it is.</summary>
    public void Note(ActivationId activation)
    {
        if (activation.IsDefault)
        {
            _known = null;
        }
        else if (_known is not ActivationId known || !known.Equals(activation))
        {
            _known = activation;
        }
    }

    /// <summary>The way to it has failed.</summary>
    public void Forget() => _known = null;

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
