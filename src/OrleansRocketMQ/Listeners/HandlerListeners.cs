using Orleans;
using Orleans.Concurrency;
using Orleans.Placement;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Dispatch;

/// <summary>A grain class of all groups of its mode whose listeners are plain handlers; the runner calls these itself.</summary>
internal interface IHandlerListener;

/// <inheritdoc cref="IHandlerListener"/>
[StatelessWorker]
internal sealed class HandlerListener : Grain, IMessageListener, IHandlerListener;

/// <inheritdoc cref="IHandlerListener"/>
[PreferLocalPlacement]
internal sealed class OrderlyHandlerListener : Grain, IMessageListener, IHandlerListener;

/// <inheritdoc cref="IHandlerListener"/>
[PreferLocalPlacement]
internal sealed class KeyOrderedHandlerListener : Grain, IMessageListener, IHandlerListener;

/// <summary>Which class is for which mode.</summary>
internal static class HandlerListeners
{
    /// <summary>The class of a mode.</summary>
    public static Type Of(HandlerMode mode) => mode switch
    {
        HandlerMode.Orderly => typeof(OrderlyHandlerListener),
        HandlerMode.KeyOrdered => typeof(KeyOrderedHandlerListener),
        _ => typeof(HandlerListener),
    };

    /// <summary>How a class consumes; null when it is none of them.</summary>
    public static ListenerKind? KindOf(Type listener)
        => listener == typeof(HandlerListener) ? ListenerKind.Concurrent
            : listener == typeof(OrderlyHandlerListener) ? ListenerKind.Orderly
            : listener == typeof(KeyOrderedHandlerListener) ? ListenerKind.KeyOrdered
            : null;
}
