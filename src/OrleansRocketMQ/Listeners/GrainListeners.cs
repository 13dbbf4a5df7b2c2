using System.Text;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Dispatch;

/// <summary>The listener grains of a group, as the engine calls them. Calls and outcomes are mapped once per call.</summary>
/// <param name="grains">Finds grains.</param>
/// <param name="listener">The class of the listener.</param>
/// <param name="group">The group.</param>
/// <param name="silo">This silo.</param>
/// <param name="instance">The name under which this silo has grains of its own for the queues; null when the members share them.</param>
/// <param name="renewals">Where listeners of other silos ask for more time.</param>
/// <param name="readings">Which reading of a queue goes on.</param>
internal sealed class GrainListeners(
    IGrainFactory grains,
    ResolvedListener listener,
    string group,
    SiloAddress silo,
    string? instance,
    CallRenewals renewals,
    Func<MessageQueue, QueueReading> readings) : IListeners
{
    private readonly ListenerGrains _slots = new(grains, listener, group, silo);
    private GrainReference? _first;

    public IListener OfSlot(int slot) => new GrainListener(_slots.Get(slot), group, listener.IsOne, renewals, readings);

    public IListener OfKey(string key)
    {
        // By its bytes: Orleans refuses a text of blanks as a key, and whoever sends may have written one.
        var id = GrainId.Create(listener.GrainType, new IdSpan(Encoding.UTF8.GetBytes(listener.KeyOf(group, key))));
        return new GrainListener(RunnerOf(id), group, isOne: true, renewals, readings);
    }

    /// <summary>
    /// To find out under what name Orleans knows an interface takes it microseconds of reflection, each time; where there are more
    /// keys than lanes this is asked for about every message.
    /// </summary>
    private IListenerRunner RunnerOf(GrainId id)
    {
        if (_first is { } first)
        {
            return (IListenerRunner)grains.GetGrain(id, first.InterfaceType);
        }

        var runner = grains.GetGrain(id).AsReference<IListenerRunner>();
        _first = (GrainReference)runner;
        return runner;
    }

    public IQueueListener OfQueue(MessageQueue queue)
    {
        var grain = grains.GetGrain(GrainId.Create(listener.GrainType, QueueGrainKey.Of(group, queue, instance)));
        return new GrainQueueListener(grain.AsReference<IOrderlyRunner>(), group, silo, renewals, readings);
    }
}

/// <summary>A listener grain of messages in no order, or of a key's messages.</summary>
/// <param name="grain">The grain.</param>
/// <param name="group">The group it listens for.</param>
/// <param name="isOne">Whether it has one activation in the cluster.</param>
/// <param name="renewals">Where it asks for more time when it is on another silo.</param>
/// <param name="readings">Which reading of a queue goes on.</param>
internal sealed class GrainListener(
    IListenerRunner grain, string group, bool isOne, CallRenewals renewals, Func<MessageQueue, QueueReading> readings) : IListener
{
    private readonly ListenerActivation _activation = new(isOne);

    // A stateless worker is on this silo, where the ownership tells of a stop; Orleans would carry no token there, and charge for it.
    private readonly Func<DispatchBatch, ActivationId, CancellationToken, ValueTask<DispatchBatchResult>> _send = (run, named, cancellation)
        => grain.RunAsync(
            named.Equals(run.Activation) ? run : run with { Activation = named }, isOne ? cancellation : CancellationToken.None);

    public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => ListenerReadinessProbe.IsOpenAsync(grain, cancellationToken);

    public Task<ListenerOutcome> ConsumeAsync(in ListenerCall call, CancellationToken cancellationToken)
    {
        var run = new DispatchBatch(group, call.Queue, call.BatchSize, call.TimeLimit, call.Messages, call.ConsumeTimeout)
        {
            InOrder = call.InOrder,
            Failures = call.Failures,
            Share = call.Share,
            Ownership = call.Ownership,
            IsOfOne = isOne,
            Reading = readings(call.Queue),
            Activation = _activation.Known,
            Renewable = call.Renewable,
            Renewals = isOne && call.Renewable is { } made ? renewals.AddressOf(made.Slot) : null,
            Call = renewals.NameOf(call.Renewable),
        };
        return _activation.SendAsync(run, _send, OutcomeOf, cancellationToken);
    }

    public Task<CallWord<ListenerOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken) => RunWatch
        .AskAsync<DispatchBatchResult, ListenerOutcome>(
            grain, renewals.NameOf(call), static (watch, slot, number) => watch.AskAsync(slot, number), OutcomeOf, cancellationToken);

    private static ListenerOutcome OutcomeOf(DispatchBatchResult result) => new(
        result.Consumed,
        result.ListenerTime,
        result.Failures is { } failures ? [.. failures.Select(failure => failure.ToFailedMessage(result.Silo))] : null)
    {
        TimedOut = result.TimedOut,
        IsRefused = result.IsRefused,
        Held = result.Held,
    };
}

/// <summary>The listener grain of a queue that is consumed in order.</summary>
internal sealed class GrainQueueListener(
    IOrderlyRunner grain, string group, SiloAddress silo, CallRenewals renewals, Func<MessageQueue, QueueReading> readings) : IQueueListener
{
    private readonly ListenerActivation _activation = new(isOne: true);

    private readonly Func<OrderlyBatch, ActivationId, CancellationToken, ValueTask<OrderlyBatchResult>> _send = (run, named, cancellation)
        => grain.RunAsync(named.Equals(run.Activation) ? run : run with { Activation = named }, cancellation);

    public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => ListenerReadinessProbe.IsOpenAsync(grain, cancellationToken);

    public Task<OrderlyOutcome> ConsumeAsync(in OrderlyCall call, CancellationToken cancellationToken)
    {
        var run = new OrderlyBatch(
            group,
            call.Queue,
            call.LeaseNumber,
            call.BatchSize,
            call.TimeLimit,
            call.Messages,
            call.AutoCommit,
            call.MayDecideCommit,
            call.ReconsumeTimes)
        {
            Ownership = call.Ownership,
            IsOfOne = true,
            Reading = readings(call.Queue),
            Activation = _activation.Known,
            Renewable = call.Renewable,
            Call = renewals.NameOf(call.Renewable),
        };
        return _activation.SendAsync(run, _send, OutcomeOf, cancellationToken);
    }

    public Task<CallWord<OrderlyOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken) => RunWatch
        .AskAsync<OrderlyBatchResult, OrderlyOutcome>(
            grain, renewals.NameOf(call), static (watch, slot, call) => watch.AskInOrderAsync(slot, call), OutcomeOf, cancellationToken);

    public Task QueueLeftAsync() => grain.QueueLeftAsync(silo);

    private static OrderlyOutcome OutcomeOf(OrderlyBatchResult result)
    {
        var stopped = result.Stopped is { } batch
            ? new FailedBatch(batch.Count, batch.IsRollback, batch.Pause, batch.AutoCommit, batch.Error, batch.ErrorType, batch.Reason)
            {
                RetryAfter = batch.RetryAfter,
                StopsQueue = batch.StopsQueue,
                Stack = batch.Stack,
            }
            : null;
        return new OrderlyOutcome(result.Succeeded, result.Committed, stopped, result.Batches, result.ListenerTime)
        {
            IsRefused = result.IsRefused,
            Held = result.Held,
            Member = result.Silo,
            Rejected = result.Rejected is { } rejected
                ? [.. rejected.Select(message => new Engine.Contracts.RejectedMessage(message.Index, message.Reason))]
                : [],
        };
    }
}
