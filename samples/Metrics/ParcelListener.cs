using Orleans.Concurrency;
using OrleansRocketMQ;

namespace Metrics;

/// <summary>Weighs parcels. Every tenth is not on the scales at the first attempt.</summary>
[RocketMQListener(Group, Topic)]
[StatelessWorker]
internal sealed class ParcelListener : Grain, IConcurrentListener
{
    public const string Group = "scales";
    public const string Topic = "Parcels";

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        context.DelayLevelWhenNextConsume = 1; // One second. Left alone, the broker begins with 10 s.
        await Task.Delay(5, cancellationToken); // Work.
        return messages[0].Tags == "late" && context.ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
    }
}
