using Orleans;
using Orleans.Concurrency;

namespace OrleansRocketMQ.Dispatch;

/// <summary>The grain class of all groups whose listener is a delegate; finds it by the group.</summary>
[StatelessWorker]
internal sealed class DelegateListener(IDelegateHandlers handlers) : Grain, IConcurrentListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        => handlers.HandlerOf(context.Group).ConsumeAsync(messages, context, cancellationToken);
}
