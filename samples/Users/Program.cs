// Key-ordered consumption: a grain for each user goes through the steps of the user's life in order, while users run
// beside each other, far more of them than the topic has queues. One user's step fails; only that user waits.
//
//   dotnet run --project samples/Users                                            with an embedded broker
//   dotnet run --project samples/Users -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one

using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using Users;

const int UserCount = 40;

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Critical);

// 1. A broker: the one that is named, or one in this process.
var nameServer = builder.Configuration["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
nameServer ??= embedded!.NameServerAddress;

// 2. A silo. That UserGrain is an IKeyOrderedListener makes the group consume key by key.
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(
        builder.Configuration.GetValue("Orleans:Endpoints:SiloPort", 11111),
        builder.Configuration.GetValue("Orleans:Endpoints:GatewayPort", 30000))
    .AddMemoryGrainStorageAsDefault() // Real users would outlive the process.
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .Configure(options => options.PollNameServerInterval = TimeSpan.FromSeconds(1)) // Sees new topics soon.
        .AddConsumer<UserGrain>(UserGrain.Group, consumer => consumer.Configure(options =>
        {
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.KeyRetryBackoff = TimeSpan.FromMilliseconds(500);
        }))));

var run = Guid.NewGuid().ToString("N")[..8]; // Other users in each run.
var crowd = new Crowd(UserCount, run);
builder.Services.AddSingleton(crowd);
using var host = builder.Build();
await host.StartAsync();

// 3. A producer. All messages of a user go to the queue that the hash of the sharding key chooses.
await using (var producer = new Producer(
    new RocketMQClientOptions { NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer), ClientId = $"127.0.0.1@site#{Environment.ProcessId}" },
    new ProducerOptions { Group = "site" },
    host.Services.GetRequiredService<ILoggerFactory>()))
{
    var byUser = new HashSelector();
    for (var step = UserStep.Registered; step <= UserStep.Closed; step++)
    {
        for (var user = 1; user <= UserCount; user++)
        {
            var body = JsonSerializer.SerializeToUtf8Bytes(new UserEvent(step));
            await producer.SendAsync(new Message(UserGrain.Topic, body) { ShardingKey = $"user-{user}-{run}" }, byUser);
        }
    }
}

Console.WriteLine($"sent {UserStep.Closed - UserStep.None} steps of {UserCount} users to topic {UserGrain.Topic}");

// 4. Every user went through all steps.
var ended = await Task.WhenAny(crowd.Complete, Task.Delay(TimeSpan.FromMinutes(2))) == crowd.Complete;
Console.WriteLine(crowd);
await host.StopAsync();
return ended ? 0 : 1;
