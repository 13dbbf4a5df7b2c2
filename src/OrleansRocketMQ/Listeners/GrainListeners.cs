using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Ports;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Dispatch;

/// <summary>The listener grains of a group, as the engine calls them. Calls and outcomes are mapped once per call.</summary>
/// <param name="grains">Finds grains.</param>
/// <param name="listenerType">The class of the listener.</param>
/// <param name="group">The group.</param>
/// <param name="silo">This silo.</param>
/// <param name="instance">The name under which this silo has grains of its own for the queues; null when the members share them.</param>
internal sealed class GrainListeners(
    IGrainFactory grains, GrainType listenerType, string group, SiloAddress silo, string? instance) : IListeners
{
    private readonly ListenerGrains _slots = new(grains, listenerType, silo);

    public IListener OfSlot(int slot) => new GrainListener(_slots.Get(slot), group);

    public IListener OfKey(string key)
        => new GrainListener(grains.GetGrain(GrainId.Create(listenerType, key)).AsReference<IListenerRunner>(), group);

    public IQueueListener OfQueue(MessageQueue queue)
    {
        var grain = grains.GetGrain(GrainId.Create(listenerType, QueueGrainKey.Of(group, queue, instance)));
        return new GrainQueueListener(grain.AsReference<IOrderlyRunner>(), group, silo);
    }
}

/// <summary>A listener grain of messages in no order, or of a key's messages.</summary>
internal sealed class GrainListener(IListenerRunner grain, string group) : IListener
{
    private object? _incarnation;

    public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => ListenerDoor.IsOpenAsync(grain, cancellationToken);

    public Task<ListenerOutcome> ConsumeAsync(in ListenerCall call, CancellationToken cancellationToken)
    {
        var run = new ListenerRun(group, call.Queue, call.BatchSize, call.TimeLimit, call.Messages, call.ConsumeTimeout)
        {
            InOrder = call.InOrder,
            Failures = call.Failures,
            Share = call.Share,
            Ownership = call.Ownership,
            Activation = call.Incarnation is ActivationId activation ? activation : default,
        };
        return OutcomeOf(grain.RunAsync(run, cancellationToken), call.InOrder);
    }

    private async Task<ListenerOutcome> OutcomeOf(ValueTask<ListenerRunResult> running, bool inOrder)
    {
        var result = await running.ConfigureAwait(false);
        return new ListenerOutcome(
            result.Consumed,
            result.ListenerTime,
            result.Failures is { } failures ? [.. failures.Select(failure => failure.ToFailedMessage())] : null)
        {
            TimedOut = result.TimedOut,
            IsRefused = result.IsRefused,
            Incarnation = inOrder ? IncarnationOf(result.Activation) : null,
        };
    }

    // The same one most of the time, so it is boxed once.
    private object? IncarnationOf(ActivationId activation)
    {
        if (activation.IsDefault)
        {
            return null;
        }

        return _incarnation is ActivationId known && known.Equals(activation) ? _incarnation : _incarnation = activation;
    }
}

/// <summary>The listener grain of a queue that is consumed in order.</summary>
internal sealed class GrainQueueListener(IOrderlyRunner grain, string group, SiloAddress silo) : IQueueListener
{
    public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => ListenerDoor.IsOpenAsync(grain, cancellationToken);

    public Task<OrderlyOutcome> ConsumeAsync(in OrderlyCall call, CancellationToken cancellationToken)
    {
        var run = new OrderlyRun(
            group,
            call.Queue,
            call.Tenure,
            call.BatchSize,
            call.TimeLimit,
            call.Messages,
            call.AutoCommit,
            call.MayDecideCommit,
            call.ReconsumeTimes)
        {
            Ownership = call.Ownership,
        };
        return OutcomeOf(grain.RunAsync(run, cancellationToken));
    }

    public Task QueueLeftAsync() => grain.QueueLeftAsync(silo);

    private static async Task<OrderlyOutcome> OutcomeOf(ValueTask<OrderlyRunResult> running)
    {
        var result = await running.ConfigureAwait(false);
        var stopped = result.Stopped is { } batch
            ? new FailedBatch(batch.Count, batch.IsRollback, batch.Pause, batch.AutoCommit, batch.Error, batch.ErrorType)
            : null;
        return new OrderlyOutcome(result.Succeeded, result.Committed, stopped, result.Batches, result.ListenerTime)
        {
            IsRefused = result.IsRefused,
        };
    }
}
