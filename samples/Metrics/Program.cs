// Metrics: what the meter "OrleansRocketMQ" tells while messages are consumed, read with nothing but .NET's MeterListener.
// A service would export the same with OpenTelemetry (AddMeter), and silo-host answers it at /metrics: docs/observability.md.
//
//   dotnet run --project samples/Metrics                                            with an embedded broker
//   dotnet run --project samples/Metrics -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one

using Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;

const int ParcelCount = 50;

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Critical);

// 1. A broker: the one that is named, or one in this process.
var nameServer = builder.Configuration["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
nameServer ??= embedded!.NameServerAddress;

// 2. A silo, and somebody who listens to its meter.
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(
        builder.Configuration.GetValue("Orleans:Endpoints:SiloPort", 11111),
        builder.Configuration.GetValue("Orleans:Endpoints:GatewayPort", 30000))
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .Configure(options => options.PollNameServerInterval = TimeSpan.FromSeconds(1)) // Sees new topics soon.
        .AddConsumer<ParcelListener>(ParcelListener.Group, consumer => consumer.Configure(
            options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset))));
using var reader = new InstrumentReader(ParcelListener.Group);
using var host = builder.Build();
await host.StartAsync();

// 3. Messages. Every tenth fails once.
await using (var producer = new Producer(
    new RocketMQClientOptions { NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer), ClientId = $"127.0.0.1@counter#{Environment.ProcessId}" },
    new ProducerOptions { Group = "counter" },
    host.Services.GetRequiredService<ILoggerFactory>()))
{
    for (var number = 1; number <= ParcelCount; number++)
    {
        await producer.SendAsync(new Message(ParcelListener.Topic, "a parcel"u8.ToArray(), tags: number % 10 == 0 ? "late" : "here"));
    }
}

// 4. What the meter tells, until all are consumed.
var ended = false;
for (var deadline = DateTime.UtcNow.AddMinutes(1); !ended && DateTime.UtcNow < deadline; await Task.Delay(100))
{
    ended = reader.Total("messaging.client.consumed.messages") >= ParcelCount;
}

foreach (var line in reader.Read())
{
    Console.WriteLine(line);
}

await host.StopAsync();
return ended ? 0 : 1;
