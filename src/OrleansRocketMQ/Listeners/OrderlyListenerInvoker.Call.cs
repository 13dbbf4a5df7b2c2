using System.Diagnostics;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Dispatch.Orderly;

/// <summary>The calls of the listener themselves.</summary>
internal sealed partial class OrderlyListenerInvoker
{
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

    private Activity? StartSpan(OrderlyBatch run, ArraySegment<MessageExt> batch, int failures) => ProcessSpan.AreWanted
        ? ProcessSpan.Start(run.Group, consumers.Find(run.Group), run.Queue, batch, failures)
        : null;
}
