using System.Diagnostics;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Dispatch;

/// <summary>The calls of the listener themselves.</summary>
internal sealed partial class ListenerInvoker
{
    private ValueTask<ConsumeResult> CallAsync(
        ErrorPolicy? policy,
        ConsumePipeline? pipeline,
        TypedBatch? read,
        ArraySegment<MessageExt> batch,
        ConsumeContext context,
        RunProgress progress)
        => policy is null
            ? CallOnceAsync(pipeline, read, batch, context, progress)
            : CallByRulesAsync(policy, pipeline, read, batch, context, progress);

    /// <summary>Filters see each of the calls that a rule makes.</summary>
    private ValueTask<ConsumeResult> CallByRulesAsync(
        ErrorPolicy policy,
        ConsumePipeline? pipeline,
        TypedBatch? read,
        ArraySegment<MessageExt> batch,
        ConsumeContext context,
        RunProgress progress)
    {
        var reconsumeTimes = context.ReconsumeTimes;
        return policy.CallAsync(
            () => CallOnceAsync(pipeline, read, batch, context, progress),
            batch[0].Topic,
            () =>
            {
                context.Reset(reconsumeTimes);
                progress.Renew();
            },
            progress.Token);
    }

    private ValueTask<ConsumeResult> CallOnceAsync(
        ConsumePipeline? pipeline, TypedBatch? read, ArraySegment<MessageExt> batch, ConsumeContext context, RunProgress progress)
        => pipeline is null
            ? CallAsync(read, batch, context, progress)
            : CallFilteredAsync(pipeline, read, batch, context, progress);

    private ValueTask<ConsumeResult> CallAsync(
        TypedBatch? read, ArraySegment<MessageExt> batch, ConsumeContext context, RunProgress progress)
        => read is not null ? read.ConsumeAsync(grain.GrainInstance!, context, progress.Token) : grain.GrainInstance switch
        {
            IConcurrentListener concurrent => concurrent.ConsumeAsync(new MessageBatch(batch), context, progress.Token),
            ILeasedListener leased => progress.Leased.ConsumeAsync(leased, batch, context, progress.Token),
            var keyOrdered => ((IKeyOrderedListener)keyOrdered!).ConsumeAsync(new MessageBatch(batch), context, progress.Token),
        };

    private async ValueTask<ConsumeResult> CallFilteredAsync(
        ConsumePipeline pipeline,
        TypedBatch? read,
        ArraySegment<MessageExt> batch,
        ConsumeContext context,
        RunProgress progress)
    {
        // A filter may keep what it sees, so of leased messages it gets copies.
        var seen = grain.GrainInstance is ILeasedListener ? batch.Select(message => message.Owned()).ToArray() : batch;
        var call = new ConsumeCall(new MessageBatch(seen), context) { Values = read is null ? null : read.ValueAt };
        await pipeline.RunAsync(
            call,
            async services =>
            {
                read?.Services = services;
                call.Result = await CallAsync(read, batch, context, progress);
            },
            progress.Token);
        return call.Result!.Value;
    }

    private Activity? StartSpan(DispatchBatch run, ArraySegment<MessageExt> batch, int failures) => ProcessSpan.AreWanted
        ? ProcessSpan.Start(run.Group, consumers.Find(run.Group), run.Queue, batch, failures)
        : null;
}
