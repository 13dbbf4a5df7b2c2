using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Tells what has become of a run. Orleans does not send a message anew when the connection between two silos breaks while it is under
/// way, and says nothing: who has sent a run would wait for as long as a listener may take, in order for ever.
/// </summary>
[Alias("OrleansRocketMQ.IRunWatch")]
internal interface IRunWatch : IGrainExtension
{
    /// <summary>Asks after a run of <see cref="IListenerRunner"/>.</summary>
    [AlwaysInterleave]
    [ResponseTimeout("00:00:05")]
    [Alias("Ask")]
    ValueTask<RunWord<DispatchBatchResult>> AskAsync(long slot, long number);

    /// <summary>Asks after a run of <see cref="IOrderlyRunner"/>.</summary>
    [AlwaysInterleave]
    [ResponseTimeout("00:00:05")]
    [Alias("AskInOrder")]
    ValueTask<RunWord<OrderlyBatchResult>> AskInOrderAsync(long slot, long number);
}

/// <summary>What is known of a run.</summary>
/// <param name="State">How far it is.</param>
/// <param name="Result">What has become of it, when it has ended.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.RunWord`1")]
internal sealed record RunWord<TResult>([property: Id(0)] CallState State, [property: Id(1)] TResult? Result = null)
    where TResult : class;

/// <inheritdoc cref="IRunWatch"/>
internal sealed class RunWatch(IGrainContext grain) : IRunWatch
{
    public ValueTask<RunWord<DispatchBatchResult>> AskAsync(long slot, long number)
        => new(RunMemory<DispatchBatchResult>.Of(grain).Ask((slot, number)));

    public ValueTask<RunWord<OrderlyBatchResult>> AskInOrderAsync(long slot, long number)
        => new(RunMemory<OrderlyBatchResult>.Of(grain).Ask((slot, number)));

    /// <summary>Asks; under way where no answer comes, or the silo is of a version that knows no such question.</summary>
    public static async Task<CallWord<TOutcome>> AskAsync<TResult, TOutcome>(
        IAddressable listener,
        (long Slot, long Number) call,
        Func<IRunWatch, long, long, ValueTask<RunWord<TResult>>> ask,
        Func<TResult, TOutcome> outcomeOf,
        CancellationToken cancellationToken)
        where TResult : class
    {
        try
        {
            var word = await ask(listener.AsReference<IRunWatch>(), call.Slot, call.Number).AsTask().WaitAsync(cancellationToken);
            return new(word.State, word.Result is { } result ? outcomeOf(result) : default);
        }
        catch (Exception)
        {
            // It is asked again, for as long as the call lasts.
            return new(CallState.UnderWay);
        }
    }
}
