// A shop sends orders to a RocketMQ topic; a listener grain handles them. Some fail and are tried again, one is poison
// and ends in the dead-letter topic, where a second listener grain finds it.
//
//   dotnet run --project samples/Orders                                            with an embedded broker
//   dotnet run --project samples/Orders -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one
//   dotnet run --project samples/Orders -- --stay                                  goes on until Ctrl+C: see samples/Orders.Client

using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orders;
using OrleansRocketMQ;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;

const int OrderCount = 20;

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Critical); // The story is told by what the listeners print.

// 1. A broker: the one that is named, or one in this process.
var nameServer = builder.Configuration["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
nameServer ??= embedded!.NameServerAddress;
Console.WriteLine(embedded is null ? $"name server {nameServer}" : $"embedded broker, name server {nameServer}");

// 2. A silo. Which topics it consumes stands on the listener grains: [RocketMQListener].
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(
        builder.Configuration.GetValue("Orleans:Endpoints:SiloPort", 11111),
        builder.Configuration.GetValue("Orleans:Endpoints:GatewayPort", 30000))
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .Configure(options => options.PollNameServerInterval = TimeSpan.FromSeconds(1)) // Sees new topics soon.
        .AddConsumer<OrderListener>(OrderListener.Group, consumer => consumer.Configure(options =>
        {
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.MaxReconsumeTimes = 2; // The third failure is the last.
        }))
        .AddConsumer<DeadOrderListener>(DeadOrderListener.Group, consumer => consumer.Configure(
            options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset))));

var book = new OrderBook(OrderCount);
builder.Services.AddSingleton(book);
using var host = builder.Build();
await host.StartAsync();

// 3. A producer. Every seventh order is for a customer whose bank is slow; number 13 nobody can ever handle.
await using (var producer = new Producer(
    new RocketMQClientOptions { NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer), ClientId = $"127.0.0.1@shop#{Environment.ProcessId}" },
    new ProducerOptions { Group = "shop" },
    host.Services.GetRequiredService<ILoggerFactory>()))
{
    for (var number = 1; number <= OrderCount; number++)
    {
        var order = new Order(book.Run, number, number % 7 == 0 ? "slow bank" : "good bank", number == 13 ? -1 : number * 10);
        await producer.SendAsync(new Message(OrderListener.Topic, JsonSerializer.SerializeToUtf8Bytes(order), tags: "new", keys: $"order-{number}"));
    }
}

Console.WriteLine($"sent {OrderCount} orders to topic {OrderListener.Topic}");

// 4. Every order ends somewhere.
var ended = await book.WaitAsync(TimeSpan.FromMinutes(2));
Console.WriteLine($"{book.Shipped} orders shipped, {book.Retried} of them after a retry; {book.Dead} in the dead-letter topic");

if (ended && args.Contains("--stay"))
{
    Console.WriteLine($"the silo stays; ask it with: dotnet run --project samples/Orders.Client -- {OrderListener.Group}");
    await host.WaitForShutdownAsync();
}
else
{
    await host.StopAsync();
}

return ended ? 0 : 1;
