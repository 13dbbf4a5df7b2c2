using Microsoft.Extensions.Hosting;
using Orleans.Concurrency;
using OrleansRocketMQ;

var builder = Host.CreateApplicationBuilder(args);
builder.UseOrleans(silo => silo.UseLocalhostClustering().AddRocketMQ("127.0.0.1:9876"));
await builder.Build().RunAsync();

[RocketMQListener("orders-group", "orders", Tags = "created || paid")]
[StatelessWorker]
public sealed class OrderListener : Grain, IConcurrentListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        Console.WriteLine($"{messages[0].Keys}: {messages[0].Body.Length} bytes");
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}
