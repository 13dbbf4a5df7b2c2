// State and messages together: a shop counts what its customers order, and sends a payment for each order. It is killed
// twice while orders come in; in the end every order counts once, and every customer was charged once.
//
//   dotnet run --project samples/Checkout                                            with an embedded broker
//   dotnet run --project samples/Checkout -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one

using Checkout;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;

const int Customers = 6;
const int OrdersEach = 20;
var patience = TimeSpan.FromSeconds(30); // As a busy machine needs it.

if (args is ["shop", .. var shopArguments])
{
    await Shop.RunAsync(shopArguments);
    return 0;
}

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Critical);
var run = Guid.NewGuid().ToString("N")[..8]; // Other customers in each run.
var bank = new Bank(run);
var calls = new CallCounter();
builder.Services.AddSingleton(calls);

// 1. A broker: the one that is named, or one in this process.
var nameServer = builder.Configuration["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
nameServer ??= embedded!.NameServerAddress;

// 2. The bank, in this process: a plain handler behind a filter, in the order of each customer's payments.
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(
        builder.Configuration.GetValue("Orleans:Endpoints:SiloPort", 11111),
        builder.Configuration.GetValue("Orleans:Endpoints:GatewayPort", 30000))
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .Configure(options => options.PollNameServerInterval = TimeSpan.FromSeconds(1)) // Sees new topics soon.
        .AddConsumer(Bank.Group, consumer => consumer
            .AddFilter<CallCounter>()
            .Handle<PaymentDue>(Customer.Payments, (message, context, cancellationToken) => bank.ChargeAsync(message))
            .Configure(options => (options.HandlerMode, options.ConsumeFromWhere) = (HandlerMode.KeyOrdered, ConsumeFromWhere.FirstOffset)))));
using var host = builder.Build();
await host.StartAsync();
var consumers = host.Services.GetRequiredService<IRocketMQConsumers>();
Console.WriteLine($"  the bank consumes {string.Join(", ", consumers.All.Select(consumer => consumer.Group))}");

// 3. The shop, in a process that can be killed.
var folder = Directory.CreateTempSubdirectory("rocketmq-checkout-");
using var shop = new Shop(
    nameServer,
    folder.FullName,
    builder.Configuration.GetValue("Shop:SiloPort", 11112),
    builder.Configuration.GetValue("Shop:GatewayPort", 30001));

// 4. Orders come in. When a third of them has been paid the shop is killed, and once more after the second.
var orders = Enumerable.Range(1, Customers).ToDictionary(
    customer => $"customer-{customer}-{run}",
    customer => Enumerable.Range(1, OrdersEach).Select(number => new OrderPlaced($"{customer}-{number}-{run}", run, customer * number)).ToList());
await using (var producer = new Producer(
    new RocketMQClientOptions
    {
        NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer),
        ClientId = $"127.0.0.1@site#{Environment.ProcessId}",
        Remoting = new() { ConnectTimeout = patience, RequestTimeout = patience },
    },
    new ProducerOptions { Group = "site", SendTimeout = patience }, // An order that is sent again counts again.
    host.Services.GetRequiredService<ILoggerFactory>()))
{
    for (var number = 0; number < OrdersEach; number++)
    {
        foreach (var (customer, theirs) in orders)
        {
            await producer.SendAsync(Customer.Topic, theirs[number], key: theirs[number].Id, shardingKey: customer);
        }
    }
}

var all = Customers * OrdersEach;
var ended = await UntilPaidAsync(all / 3);
await shop.KillAndStartAgainAsync();
Console.WriteLine("  the shop was killed and is started again");
ended &= await UntilPaidAsync(all * 2 / 3);
await shop.KillAndStartAgainAsync();
Console.WriteLine("  the shop was killed and is started again");

// 5. Every order was paid.
ended &= await UntilPaidAsync(all);
var right = orders.Count(customer => bank.IsRight(customer.Key, customer.Value));
Console.WriteLine($"  {calls.Calls} payments came, {bank.Again} of them again under the same id");
Console.WriteLine($"{bank.Count} of {all} orders paid, {right} of {Customers} customers charged once for each of theirs, in order");
shop.Dispose();
await host.StopAsync();
folder.Delete(recursive: true);
return ended && right == Customers ? 0 : 1;

async Task<bool> UntilPaidAsync(int count)
{
    var deadline = TimeProvider.System.GetTimestamp();
    while (bank.Count < count && TimeProvider.System.GetElapsedTime(deadline) < TimeSpan.FromMinutes(2))
    {
        await Task.Delay(50);
    }

    return bank.Count >= count;
}
