using Microsoft.Extensions.DependencyInjection;
using Orleans;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Queues;

/// <summary>
/// An activation that Orleans ends because there is another one of its queue, or because the directory knows it no more. Whoever has
/// the queue may be further.
/// </summary>
public sealed class UnwillingEndTests
{
    [Theory]
    [InlineData(DeactivationReasonCode.DuplicateActivation)]
    [InlineData(DeactivationReasonCode.DirectoryFailure)]
    public async Task It_tells_no_offset_over_that_of_the_one_who_has_the_queue_now(DeactivationReasonCode reason)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(setUp: NoOneLooks);
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);
        var consumer = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!;
        var pump = consumer.Pumps.Values.Single(pump => pump.Queue.Topic == TestRocketMQ.Topic);
        var owner = consumer.OwnerOf(pump);
        await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.Broker.Address, rocketmq.MyGroup, pump.Queue, 25);

        owner.Deactivate(new(reason, "as Orleans does"));
        await owner.Deactivated;

        Assert.True(pump.IsStopped);
        Assert.Equal(25, rocketmq.Committed());
    }

    [Fact]
    public async Task Any_other_end_tells_how_far_the_queue_is_whatever_the_broker_has()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(setUp: NoOneLooks);
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);
        var consumer = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!;
        var pump = consumer.Pumps.Values.Single(pump => pump.Queue.Topic == TestRocketMQ.Topic);
        var owner = consumer.OwnerOf(pump);
        await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.Broker.Address, rocketmq.MyGroup, pump.Queue, 25);

        owner.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "as the library does"));
        await owner.Deactivated;

        Assert.Equal(20, rocketmq.Committed());
    }

    // Nobody starts the queue again.
    private static void NoOneLooks(RocketMQOptions options) => options.RebalanceInterval = TimeSpan.FromMinutes(10);
}
