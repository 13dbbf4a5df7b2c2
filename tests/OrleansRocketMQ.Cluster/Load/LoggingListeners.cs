using Orleans;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Runtime;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>Notes what it gets.</summary>
[StatelessWorker]
internal sealed class LoggingListener(ILocalSiloDetails silo) : Grain, IConcurrentListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        DeliveryLog.Of(context.Group).Add(messages, context.Queue, silo.Name);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

/// <summary>Notes what it gets, queue by queue in order.</summary>
[PreferLocalPlacement]
internal sealed class OrderlyLoggingListener(ILocalSiloDetails silo) : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        DeliveryLog.Of(context.Group).Add(messages, context.Queue, silo.Name);
        return ValueTask.FromResult(ConsumeOrderlyResult.Success);
    }
}

/// <summary>Notes what it gets, key by key in order.</summary>
internal sealed class KeyedLoggingListener(ILocalSiloDetails silo) : Grain, IKeyOrderedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        DeliveryLog.Of(context.Group).Add(messages, context.Queue, silo.Name);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}
