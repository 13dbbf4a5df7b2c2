using Microsoft.Extensions.Hosting;
using OrleansRocketMQ;

var builder = Host.CreateApplicationBuilder(args);
builder.UseOrleans(silo => silo.UseLocalhostClustering().AddRocketMQ(rocketmq => rocketmq
    .UseNameServer("127.0.0.1:9876")
    .AddConsumer("billing", consumer => consumer.Handle<OrderPlaced, OrderPlacedHandler>("orders"))));
await builder.Build().RunAsync();

public sealed record OrderPlaced(string Id, decimal Amount);
public sealed class OrderPlacedHandler: IMessageHandler<OrderPlaced>
{
    public Task HandleAsync(Message<OrderPlaced> message, MessageContext context, CancellationToken cancellationToken)
        => Console.Out.WriteLineAsync($"{message.Value.Id}: {message.Value.Amount}");
}
