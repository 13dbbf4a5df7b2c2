using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;
using Orleans.TestingHost;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;
using TestCluster = OrleansRocketMQ.Testing.TestCluster;

namespace OrleansRocketMQ.Tests.Listeners;

/// <summary>Listeners without a grain class of the user's.</summary>
public sealed class DelegateListenerTests
{
    private readonly ConcurrentBag<string> _bodies = [];

    [Fact]
    public async Task A_delegate_gets_each_message_and_what_it_throws_on_comes_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await StartAsync(rocketmq, consumer => consumer.Handle((message, _) =>
        {
            _bodies.Add(TestRocketMQ.Text(message));
            return message.ReconsumeTimes == 0 && TestRocketMQ.Text(message) == "3" ? throw new InvalidOperationException("once") : Task.CompletedTask;
        }));

        await rocketmq.SendAsync(10);

        await Eventually.TrueAsync(() => _bodies.Count >= 11, "11 deliveries");
        Assert.Equal(2, _bodies.Count(body => body == "3"));
        Assert.Equal(TestRocketMQ.Numbers(10), _bodies.Distinct().Order());
    }

    [Fact]
    public async Task A_delegate_may_tell_its_result()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await StartAsync(rocketmq, consumer => consumer.Handle(async (message, cancellationToken) =>
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            _bodies.Add(TestRocketMQ.Text(message));
            return message.ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
        }));

        await rocketmq.SendAsync(5);

        await Eventually.TrueAsync(() => _bodies.Count >= 10, "10 deliveries");
        Assert.All(_bodies.GroupBy(body => body), same => Assert.Equal(2, same.Count()));
    }

    [Fact]
    public async Task A_delegate_of_batches_gets_batches_and_tells_how_far_it_came()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var sizes = new ConcurrentBag<int>();
        await rocketmq.SendAsync(16);
        await using var cluster = await StartAsync(rocketmq, consumer => consumer.Configure(options => options.ConsumeBatchSize = 4).HandleBatch((messages, context, _) =>
        {
            sizes.Add(messages.Count);
            foreach (var message in messages)
            {
                _bodies.Add(TestRocketMQ.Text(message));
            }

            context.AckIndex = context.ReconsumeTimes == 0 ? messages.Count - 2 : messages.Count - 1;
            return ValueTask.FromResult(ConsumeResult.Success);
        }));

        await Eventually.TrueAsync(() => _bodies.Count >= 16 + sizes.Count(size => size == 4), "each batch's last message comes again");
        Assert.Contains(4, sizes);
        Assert.Equal(TestRocketMQ.Numbers(16), _bodies.Distinct().Order());
    }

    [Fact]
    public async Task The_quick_start_is_one_call()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddRocketMQ(rocketmq.MyGroup, rocketmq.Embedded.NameServerAddress, TestRocketMQ.Topic, (message, _) =>
            {
                _bodies.Add(TestRocketMQ.Text(message));
                return Task.CompletedTask;
            });
            DeclaredListeners.HideIn(silo.Services);
        });
        await using var cluster = new TestCluster(builder.Build());
        await cluster.Silos.DeployAsync();
        await cluster.UntilReadyAsync(rocketmq.MyGroup);

        await rocketmq.SendAsync(10);

        await Eventually.TrueAsync(() => _bodies.Count == 10, "10 messages");
    }

    [Fact]
    public void A_delegate_of_one_message_is_refused_where_batches_are_configured()
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(
            builder => builder.AddConsumer("g", consumer => consumer.Subscribe("t").Handle((_, _) => Task.CompletedTask)),
            [new("RocketMQ:Consumers:g:ConsumeBatchSize", "2")]));

        Assert.Equal("RocketMQ:Consumers:g:ConsumeBatchSize", error.Field);
    }

    [Fact]
    public void A_consumer_that_starts_by_itself_needs_a_listener()
    {
        var error = Assert.Throws<RocketMQConfigurationException>(
            () => BuiltSilo.With(builder => builder.AddConsumer("g", consumer => consumer.Subscribe("t"))));

        Assert.Equal("RocketMQ:Consumers:g:Listener", error.Field);
    }

    private static async Task<TestCluster> StartAsync(TestRocketMQ rocketmq, Action<ConsumerBuilder> configure)
    {
        var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            builder.AddConsumer(rocketmq.MyGroup, consumer => configure(consumer
                .Subscribe(TestRocketMQ.Topic).Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset)));
        });
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }
}
