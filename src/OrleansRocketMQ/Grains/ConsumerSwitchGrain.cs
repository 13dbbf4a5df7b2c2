using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IConsumerSwitchGrain"/>
[OnNamedSiloPlacement]
internal sealed class ConsumerSwitchGrain(IGrainContext context, RocketMQConsumers consumers) : Grain, IConsumerSwitchGrain
{
    public async Task<bool> SwitchAsync(bool on)
    {
        if (consumers.Find(GroupOnSiloKey.GroupOf(context.GrainId.Key.ToString()!)) is not { } consumer)
        {
            return false;
        }

        await (on ? consumer.StartAsync() : consumer.StopAsync());
        return true;
    }
}
