// Asks a running group for its queues, owners, offsets and lag. Start samples/Orders with --stay first.
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ;

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Error);
builder.UseOrleansClient(client => client.UseLocalhostClustering(builder.Configuration.GetValue("GatewayPort", 30000)));
using var host = builder.Build();
await host.StartAsync();

var group = builder.Configuration.GetValue("Group", "orders-handling")!;
var status = await host.Services.GetRequiredService<IClusterClient>()
    .GetGrain<IConsumerGroupManagementGrain>(group)
    .GetStatusAsync();

Console.WriteLine($"group {status.Group}: {status.ClientIds.Count} member(s), {status.Queues.Count} queues, lag {status.Lag}");
Console.WriteLine($"{"queue",-40} {"owner",-34} {"committed",10} {"done",10} {"end",10} {"lag",6}");
foreach (var queue in status.Queues)
{
    Console.WriteLine($"{$"{queue.Queue.Topic} {queue.Queue.BrokerName}/{queue.Queue.QueueId}",-40} {queue.Owner,-34} {queue.CommittedOffset,10} {queue.Watermark,10} {queue.MaxOffset,10} {queue.Lag,6}");
}

await host.StopAsync();
