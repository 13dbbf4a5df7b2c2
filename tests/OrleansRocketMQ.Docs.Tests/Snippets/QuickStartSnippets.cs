using System.Globalization;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Concurrency;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.TestKit;

namespace OrleansRocketMQ.Docs.Snippets;

/// <summary>docs/quick-start.md</summary>
internal static class QuickStartSnippets
{
    public static async Task BrokerInProcessAsync(HostApplicationBuilder builder)
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync();
        builder.UseOrleans(silo => silo.UseLocalhostClustering().AddRocketMQ(rocketMQ.NameServerAddress));
    }

    public static void Options(ISiloBuilder silo)
    {
        silo.AddRocketMQ(rocketmq => rocketmq
            .UseNameServer("10.0.0.1:9876;10.0.0.2:9876")
            .AddConsumer<OrderListener>("orders-group", consumer => consumer
                .Subscribe("orders", "created || paid")
                .Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.ConsumeBatchSize = 32;
                    options.MaxReconsumeTimes = 5;
                })));
    }

    public static async Task SendAsync()
    {
        await using var producer = new Producer(
            new RocketMQClientOptions { NameServerAddresses = ["127.0.0.1:9876"], ClientId = "127.0.0.1@shop" },
            new ProducerOptions { Group = "shop" },
            NullLoggerFactory.Instance);
        await producer.SendAsync(new Message("orders", "4711"u8.ToArray(), tags: "created", keys: "order-4711"));

        // All messages of a sharding key to one queue, in order.
        await producer.SendAsync(new Message("transfers", "12.50"u8.ToArray()) { ShardingKey = "alice" }, new HashSelector());
    }

    public static async Task TestAsync()
    {
        await using var kit = await RocketMQTestKit.StartAsync(rocketmq =>
            rocketmq.AddConsumer<OrderListener>("billing", consumer => consumer.Subscribe("orders", "created")));

        await kit.SendAsync("orders", "4711", tag: "created", key: "order-4711");
        await kit.UntilConsumedAsync("billing");

        Assert.Empty(kit.DeadLetters("billing"));
    }

    public static async Task TestTimeAsync(RocketMQTestKit kit)
    {
        await kit.SendAsync("orders", "4711", tag: "created");
        await kit.UntilRetryWaitsAsync("billing");      // the listener wants it again in an hour: context.RetryAfter(…)

        kit.Advance(TimeSpan.FromHours(1));
        await kit.UntilConsumedAsync("billing");
    }

    public static async Task BrokerAloneAsync()
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync();
        rocketMQ.CreateTopic("orders", queues: 4);
        // Give rocketMQ.NameServerAddress to the silo and to producers.
    }
}

[RocketMQListener("accounts", "transfers")]
public sealed class AccountGrain : Grain, IKeyOrderedListener
{
    private decimal _balance;

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            _balance += decimal.Parse(Encoding.UTF8.GetString(message.Body.Span), CultureInfo.InvariantCulture);
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

/// <summary>The listener whose class the snippets only name.</summary>
[StatelessWorker]
public sealed class OrderListener : Grain, IOrderListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken) => ValueTask.FromResult(ConsumeResult.Success);
}

/// <summary>The same by its interface.</summary>
public interface IOrderListener : IConcurrentListener;
