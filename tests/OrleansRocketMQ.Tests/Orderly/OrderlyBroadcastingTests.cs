using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Orderly;

/// <summary>Every silo of a broadcasting group gets every message, also in order.</summary>
public sealed class OrderlyBroadcastingTests
{
    [Fact]
    public async Task Every_silo_hears_every_message_once_and_in_order()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.AddConsumer<LocalOrderlyListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.MessageModel = MessageModel.Broadcasting;
                }));
            },
            silos: 3);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);

        await rocketmq.SendAsync(10);
        await Eventually.TrueAsync(
            () => LocalOrderlyListener.BodiesOf(rocketmq.MyGroup).Values.Sum(bodies => bodies.Length) >= 30,
            () => string.Join("; ", LocalOrderlyListener.BodiesOf(rocketmq.MyGroup).Select(silo => $"{silo.Key}: {string.Join(' ', silo.Value)}")));

        var heard = LocalOrderlyListener.BodiesOf(rocketmq.MyGroup);
        Assert.Equal(3, heard.Count);
        Assert.All(heard.Values, bodies => Assert.Equal(Enumerable.Range(0, 10).Select(number => $"{number}"), bodies));
    }
}
