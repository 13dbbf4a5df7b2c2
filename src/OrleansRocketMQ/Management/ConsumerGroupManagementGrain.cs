using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IConsumerGroupManagementGrain"/>
[StatelessWorker]
internal sealed class ConsumerGroupManagementGrain(IGrainContext context, ConsumerRegistry consumers) : Grain, IConsumerGroupManagementGrain
{
    public async Task<ConsumerGroupStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        var group = context.GrainId.Key.ToString()!;
        var consumer = consumers.Find(group) ?? throw new ConsumerStateException(group, "not running on this silo", "tell its status");
        var view = consumer.View;
        var queues = await Task.WhenAll(view.Queues.Order().Select(queue => DescribeAsync(consumer, queue)));
        return new ConsumerGroupStatus { Group = group, ClientIds = view.ClientIds, Queues = queues };
    }

    private async Task<QueueStatus> DescribeAsync(GroupConsumer consumer, MessageQueue queue)
    {
        var owner = consumer.View.OwnerOf(queue) ?? string.Empty;
        if (consumer.View.SiloOf(queue) is null)
        {
            return new QueueStatus { Queue = queue, Owner = owner };
        }

        var status = await GrainFactory.GetGrain<IMessageQueueGrain>(QueueGrainKey.Of(consumer.Group, queue)).GetStatusAsync();
        return status with { Owner = owner };
    }
}
