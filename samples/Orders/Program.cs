// Orders: a producer, a listener grain, a retry and a dead letter.
//
//   dotnet run --project samples/Orders                                     with a broker of its own
//   dotnet run --project samples/Orders -- --RocketMQ:NameServer=host:9876  with yours
//   dotnet run --project samples/Orders -- --stay                           stays, so that samples/Orders.Client can ask
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orders;
using OrleansRocketMQ;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Statistics;

var stay = args.Contains("--stay");
var builder = Host.CreateApplicationBuilder([.. args.Where(argument => argument != "--stay")]);
builder.Logging.SetMinimumLevel(LogLevel.Error);

await using var embedded = builder.Configuration["RocketMQ:NameServer"] is null ? await EmbeddedRocketMQ.StartAsync() : null;
var nameServer = builder.Configuration["RocketMQ:NameServer"] ?? embedded!.NameServerAddress;

// 1. The silo. OrderListener says by its attribute what it consumes; here it only gets fewer attempts than usual.
builder.Services.AddSingleton<OrderBook>();
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(builder.Configuration.GetValue("SiloPort", 11111), builder.Configuration.GetValue("GatewayPort", 30000))
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .AddConsumer<OrderListener>(OrderListener.Group, consumer => consumer.Configure(options => options.MaxReconsumeTimes = 2))));
using var host = builder.Build();

await using var cluster = new Cluster(nameServer);
await cluster.CreateTopicAsync(OrderListener.Topic, queues: 4);
await host.StartAsync();
await Wait.UntilAsync(() => host.Services.GetRequiredService<IRocketMQSiloStatus>().Groups.All(group => group.IsReady));

// 2. The producer. Orders of one customer go to one queue.
await using var producer = new Producer(cluster.Client, new ProducerOptions { Group = "orders-shop" }, NullLoggerFactory.Instance);
var run = DateTime.UtcNow.ToString("HHmmss", System.Globalization.CultureInfo.InvariantCulture);
Order[] orders =
[
    new($"{run}-1", "ada", 120), new($"{run}-2", "bob", 80), new($"{run}-3", "ada", 15), new($"{run}-4", "cyd", 640),
    new($"{run}-5", "bob", 30), new($"{run}-6", "cyd", Order.BusyOnFirstTry), new($"{run}-7", "dan", Order.Impossible),
];
foreach (var order in orders)
{
    var message = new Message(OrderListener.Topic, order.ToJson(), tags: "created", keys: order.Id) { ShardingKey = order.Customer };
    var sent = await producer.SendAsync(message, new HashSelector());
    Console.WriteLine($"sent      {order.Id} of {order.Customer} to queue {sent.Queue.QueueId}");
}

// 3. What became of them: all but one are handled, the last one is given up on after three attempts.
var book = host.Services.GetRequiredService<OrderBook>();
await Wait.UntilAsync(() => book.Handled.Count(order => order.Id.StartsWith(run, StringComparison.Ordinal)) == orders.Length - 1);
var dead = await cluster.ReadDeadLetterAsync(OrderListener.Group, key: orders[^1].Id);
Console.WriteLine($"dead      {dead.Keys} after {dead.ReconsumeTimes} attempts, first sent to {dead.GetProperty(MessageProperties.RetryTopic)}");
Console.WriteLine($"done      {book.Handled.Count} handled, {book.Failures} failures, 1 dead letter");

if (stay)
{
    Console.WriteLine("staying   ask with: dotnet run --project samples/Orders.Client (Ctrl+C ends)");
    await host.WaitForShutdownAsync();
}
else
{
    await host.StopAsync();
}
