using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Docs.Snippets;

/// <summary>docs/migration-from-java.md and docs/migration-from-newlife.md</summary>
internal static class MigrationSnippets
{
    public static void FromJava(ISiloBuilder silo)
    {
        // Java:  consumer = new DefaultMQPushConsumer("billing");
        //        consumer.setNamesrvAddr("10.0.0.1:9876");
        //        consumer.subscribe("orders", "created || paid");
        //        consumer.setConsumeThreadMax(32);
        //        consumer.registerMessageListener(listener);
        //        consumer.start();
        silo.AddRocketMQ(rocketmq => rocketmq
            .UseNameServer("10.0.0.1:9876")
            .AddConsumer<OrderListener>("billing", consumer => consumer
                .Subscribe("orders", "created || paid")
                .Configure(options => options.ConsumeThreadMax = 32)));
    }

    public static void FromNewLife(ISiloBuilder silo)
    {
        // NewLife:  var consumer = new Consumer
        //           {
        //               NameServerAddress = "10.0.0.1:9876", Group = "billing", Topic = "orders", BatchSize = 32,
        //               OnConsumeAsync = async (queue, messages, token) => { await HandleAllAsync(messages); return true; },
        //           };
        //           consumer.Start();
        silo.AddRocketMQ(rocketmq => rocketmq
            .UseNameServer("10.0.0.1:9876")
            .AddConsumer("billing", consumer => consumer
                .Subscribe("orders")
                .HandleBatch(async (messages, context, token) =>
                {
                    await HandleAllAsync(messages, token);
                    return ConsumeResult.Success;
                })
                .Configure(options =>
                {
                    options.ConsumeBatchSize = 32;
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                })));
    }

    private static Task HandleAllAsync(MessageBatch messages, CancellationToken token) => Task.FromException(new NotSupportedException($"{messages.Count} {token}"));
}
