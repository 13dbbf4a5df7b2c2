using System.Diagnostics;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Dispatch.Orderly;

/// <summary>The calls of the listener themselves.</summary>
internal sealed partial class OrderlyListenerInvoker
{
    private ValueTask<ConsumeOrderlyResult> CallAsync(
        ErrorPolicy? policy,
        ConsumePipeline? pipeline,
        OrderlyBatch run,
        TypedBatch? read,
        ArraySegment<MessageExt> batch,
        ConsumeOrderlyContext context,
        CancellationToken cancellationToken)
        => policy is null
            ? CallOnceAsync(pipeline, read, batch, context, cancellationToken)
            : CallByRulesAsync(policy, pipeline, run, read, batch, context, cancellationToken);

    /// <summary>Filters see each of the calls that a rule makes.</summary>
    private ValueTask<ConsumeOrderlyResult> CallByRulesAsync(
        ErrorPolicy policy,
        ConsumePipeline? pipeline,
        OrderlyBatch run,
        TypedBatch? read,
        ArraySegment<MessageExt> batch,
        ConsumeOrderlyContext context,
        CancellationToken cancellationToken)
    {
        var reconsumeTimes = context.ReconsumeTimes;
        return policy.CallAsync(
            () => CallOnceAsync(pipeline, read, batch, context, cancellationToken),
            batch[0].Topic,
            () => context.Reset(reconsumeTimes, run.AutoCommit),
            cancellationToken);
    }

    private ValueTask<ConsumeOrderlyResult> CallOnceAsync(
        ConsumePipeline? pipeline,
        TypedBatch? read,
        ArraySegment<MessageExt> batch,
        ConsumeOrderlyContext context,
        CancellationToken cancellationToken)
        => pipeline is null
            ? CallAsync(read, batch, context, cancellationToken)
            : CallFilteredAsync(pipeline, read, batch, context, cancellationToken);

    private ValueTask<ConsumeOrderlyResult> CallAsync(
        TypedBatch? read, ArraySegment<MessageExt> batch, ConsumeOrderlyContext context, CancellationToken cancellationToken)
        => read is not null
            ? read.ConsumeAsync(grain.GrainInstance!, context, cancellationToken)
            : ((IOrderlyListener)grain.GrainInstance!).ConsumeAsync(new MessageBatch(batch), context, cancellationToken);

    private async ValueTask<ConsumeOrderlyResult> CallFilteredAsync(
        ConsumePipeline pipeline,
        TypedBatch? read,
        ArraySegment<MessageExt> batch,
        ConsumeOrderlyContext context,
        CancellationToken cancellationToken)
    {
        var call = new ConsumeCall(new MessageBatch(batch), context) { Values = read is null ? null : read.ValueAt };
        await pipeline.RunAsync(
            call,
            async services =>
            {
                read?.Services = services;
                call.OrderlyResult = await CallAsync(read, batch, context, cancellationToken);
            },
            cancellationToken);
        return call.OrderlyResult!.Value;
    }

    private Activity? StartSpan(OrderlyBatch run, ArraySegment<MessageExt> batch, int failures, ref ProcessTags? common)
    {
        if (!ProcessSpan.AreWanted)
        {
            return null;
        }

        common = ProcessTags.Of(common, run.Group, consumers, run.Queue, batch[0].Topic);
        return ProcessSpan.Start(common, batch, failures);
    }
}
