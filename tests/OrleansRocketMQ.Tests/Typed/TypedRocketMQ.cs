using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Typed;

/// <summary>Silos with one group that gets values, in any way of consuming.</summary>
internal static class TypedRocketMQ
{
    public const string Key = "alice";

    /// <summary>What the silos of these tests complained of.</summary>
    public static WarningLog Log { get; } = new();

    public static async Task<TestCluster> ConsumeValuesAsync(
        this TestRocketMQ rocketmq, Action<ConsumerBuilder> configure, Type? listener = null, Action<RocketMQBuilder>? prepare = null)
    {
        var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            builder.Services.AddScoped<OrderScope>();
            prepare?.Invoke(builder);
            void Configure(ConsumerBuilder consumer)
            {
                consumer.Options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                consumer.Options.PersistInterval = TimeSpan.FromMilliseconds(20);
                consumer.Options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(50);
                consumer.Options.KeyRetryBackoff = TimeSpan.FromMilliseconds(50);
                consumer.Options.MaxKeyRetryBackoff = TimeSpan.FromMilliseconds(200);
                configure(consumer);
            }

            _ = listener switch
            {
                null => builder.AddConsumer(rocketmq.MyGroup, Configure),
                _ when listener == typeof(TwoTypesListener) => builder.AddConsumer<TwoTypesListener>(rocketmq.MyGroup, Configure),
                _ when listener == typeof(TypedOrderlyListener) => builder.AddConsumer<TypedOrderlyListener>(rocketmq.MyGroup, Configure),
                _ when listener == typeof(TypedKeyOrderedListener) => builder.AddConsumer<TypedKeyOrderedListener>(rocketmq.MyGroup, Configure),
                _ => builder.AddConsumer<TypedListener>(rocketmq.MyGroup, Configure),
            };
        }, log: Log);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }

    /// <summary>One group of each way: grains of three kinds, handlers in three modes.</summary>
    public static Action<ConsumerBuilder> Way(string way, out Type? listener)
    {
        listener = way switch
        {
            "concurrent grain" => typeof(TypedListener),
            "orderly grain" => typeof(TypedOrderlyListener),
            "key-ordered grain" => typeof(TypedKeyOrderedListener),
            _ => null,
        };
        var mode = way.Split(' ')[0] switch
        {
            "orderly" => HandlerMode.Orderly,
            "key-ordered" => HandlerMode.KeyOrdered,
            _ => HandlerMode.Concurrent,
        };
        return listener is not null
            ? consumer => consumer.Subscribe(TestRocketMQ.Topic)
            : consumer => consumer.Handle<OrderPlaced, OrderHandler>(TestRocketMQ.Topic).Configure(options => options.HandlerMode = mode);
    }

    /// <summary>Sends orders with these numbers; null is a body that is none.</summary>
    public static async Task SendOrdersAsync(this TestRocketMQ rocketmq, params int?[] numbers)
    {
        foreach (var number in numbers)
        {
            if (number is { } known)
            {
                await rocketmq.Producer.SendAsync(TestRocketMQ.Topic, new OrderPlaced(known), tag: "placed", key: $"order-{known}", shardingKey: Key);
            }
            else
            {
                await rocketmq.Producer.SendAsync(
                    new Message(TestRocketMQ.Topic, "{ no order"u8.ToArray(), "placed") { ShardingKey = Key }, new HashSelector());
            }
        }
    }

    public static IReadOnlyList<MessageExt> DeadLetters(this TestRocketMQ rocketmq)
        => [.. rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup))];
}
