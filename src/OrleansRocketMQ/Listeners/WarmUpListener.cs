using Orleans;
using Orleans.Concurrency;

namespace OrleansRocketMQ.Dispatch;

/// <summary>Consumes what a silo warms up with. Does what listeners mostly do: looks at a message, and waits.</summary>
[StatelessWorker]
internal sealed class WarmUpListener : Grain, IConcurrentListener
{
    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            _ = (message.MessageId, message.Body, message.Properties, message.Tags, context.Queue);
            await Task.Yield();
        }

        return ConsumeResult.Success;
    }
}
