using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Docs.Snippets;

/// <summary>README.md; its first program is samples/QuickStart.</summary>
internal static class ReadmeSnippets
{
    public static void InCode(ISiloBuilder silo)
    {
        silo.AddRocketMQ(rocketmq => rocketmq
            .UseNameServer("10.0.0.1:9876;10.0.0.2:9876")
            .AddConsumer<IOrderListener>("orders-group", consumer => consumer
                .Subscribe("orders", "created || paid")
                .Configure(options => options.ConsumeBatchSize = 32)));
    }

    public static void WithDelegate(ISiloBuilder silo)
    {
        silo.AddRocketMQ("orders-group", "127.0.0.1:9876", "orders", (message, cancellationToken) => HandleAsync(message, cancellationToken));
    }

    public static async Task AtRunTimeAsync(IRocketMQConsumers consumers)
    {
        var orders = consumers.Get("orders-group");
        await orders.Subscriptions.SubscribeAsync("refunds");
        await orders.Subscriptions.UpdateSelectorAsync("orders", MessageSelector.ByTag("paid"));
        await orders.StopAsync();   // its queues go to other members; StartAsync brings them back
    }

    private static Task HandleAsync(MessageExt message, CancellationToken cancellationToken) => Task.FromException(new NotSupportedException($"{message} {cancellationToken}"));
}
