using Microsoft.Extensions.DependencyInjection;
using Orleans;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Queues;

/// <summary>
/// An activation that Orleans ends because there is another one of its queue, which may be further; and one that ends because the
/// directory knows it no more, as after the death of the silo that did: nobody has its queue then before it says how far it is.
/// </summary>
public sealed class UnwillingEndTests
{
    [Theory]
    [InlineData(DeactivationReasonCode.DuplicateActivation, 25)]
    [InlineData(DeactivationReasonCode.DirectoryFailure, 20)]
    [InlineData(DeactivationReasonCode.ApplicationRequested, 20)]
    public async Task It_tells_no_offset_over_that_of_the_one_who_may_have_the_queue_now(DeactivationReasonCode reason, long committed)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(setUp: NoOneLooks);
        await rocketmq.SendAsync(20);
        await rocketmq.UntilCommittedAsync(20);
        var silo = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress);
        var consumer = silo.GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!;
        var pump = consumer.Pumps.Values.Single(pump => pump.Queue.Topic == TestRocketMQ.Topic);
        var owner = consumer.OwnerOf(pump);
        await rocketmq.Client.Brokers.UpdateConsumerOffsetAsync(rocketmq.Broker.Address, rocketmq.MyGroup, pump.Queue, 25);

        owner.Deactivate(new(reason, "as Orleans does"));
        await owner.Deactivated;

        Assert.True(pump.IsStopped);
        Assert.Equal(committed, rocketmq.Committed());
    }

    // Nobody starts the queue again.
    private static void NoOneLooks(RocketMQOptions options) => options.RebalanceInterval = TimeSpan.FromMinutes(10);
}
