using Orleans;
using Orleans.Concurrency;
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
