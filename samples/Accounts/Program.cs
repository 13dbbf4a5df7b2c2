// Orderly consumption: money comes to accounts and leaves them again, and no balance is ever below zero, because the
// transfers of an account are booked in the order in which they were sent. One fails; nothing behind it overtakes it.
//
//   dotnet run --project samples/Accounts                                            with an embedded broker
//   dotnet run --project samples/Accounts -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one

using System.Text.Json;
using Accounts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;

const int TransfersEach = 20;

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Critical);

// 1. A broker: the one that is named, or one in this process.
var nameServer = builder.Configuration["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
nameServer ??= embedded!.NameServerAddress;

// 2. A silo. That AccountsListener is an IOrderlyListener makes the group consume in order.
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(
        builder.Configuration.GetValue("Orleans:Endpoints:SiloPort", 11111),
        builder.Configuration.GetValue("Orleans:Endpoints:GatewayPort", 30000))
    .AddMemoryGrainStorageAsDefault() // A real bank's would outlive the process.
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .Configure(options => options.PollNameServerInterval = TimeSpan.FromSeconds(1)) // Sees new topics soon.
        .AddConsumer<AccountsListener>(AccountsListener.Group, consumer => consumer.Configure(options =>
        {
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(300);
        }))));

var run = Guid.NewGuid().ToString("N")[..8]; // Other accounts in each run.
string[] accounts = [$"alice-{run}", $"bob-{run}", $"carol-{run}"];
var report = new Report(accounts, TransfersEach);
builder.Services.AddSingleton(report);
using var host = builder.Build();
await host.StartAsync();

// 3. A producer. The hash of the sharding key chooses the queue: an account's transfers lie in one queue, in order.
await using (var producer = new Producer(
    new RocketMQClientOptions { NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer), ClientId = $"127.0.0.1@bank#{Environment.ProcessId}" },
    new ProducerOptions { Group = "bank" },
    host.Services.GetRequiredService<ILoggerFactory>()))
{
    var byAccount = new HashSelector();
    for (var number = 1; number <= TransfersEach; number++)
    {
        foreach (var account in accounts)
        {
            // 100 in, 90 out, 100 in, 90 out: a withdrawal that came before its deposit would find too little.
            var transfer = new Transfer(account, number, number % 2 == 1 ? 100 : -90);
            await producer.SendAsync(new Message(AccountsListener.Topic, JsonSerializer.SerializeToUtf8Bytes(transfer)) { ShardingKey = account }, byAccount);
        }
    }
}

Console.WriteLine($"sent {TransfersEach} transfers for each of {accounts.Length} accounts to topic {AccountsListener.Topic}");

// 4. Every transfer was booked.
var ended = await Task.WhenAny(report.Complete, Task.Delay(TimeSpan.FromMinutes(2))) == report.Complete;
Console.WriteLine(report);
await host.StopAsync();
return ended ? 0 : 1;
