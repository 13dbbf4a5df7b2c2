// Asks a running cluster how a consumer group stands: its queues, who owns them, how far they are.
//
//   dotnet run --project samples/Orders.Client                                           the group of samples/Orders
//   dotnet run --project samples/Orders.Client -- OrleansRocketMQ_Demo                   the group of silo-host
//   dotnet run --project samples/Orders.Client -- orders --Orleans:GatewayPort=30001     another gateway

using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ;

var group = args.FirstOrDefault(argument => !argument.StartsWith('-')) ?? "orders";
var builder = Host.CreateApplicationBuilder(args.Where(argument => argument.StartsWith('-')).ToArray());
var gatewayPort = builder.Configuration.GetValue("Orleans:GatewayPort", 30000);
builder.Logging.SetMinimumLevel(LogLevel.Critical);
builder.UseOrleansClient(client => client
    .UseLocalhostClustering(gatewayPort)
    .UseConnectionRetryFilter((_, _) => Task.FromResult(false))); // Says at once when nobody is there.
using var host = builder.Build();
try
{
    await host.StartAsync();
    var management = host.Services.GetRequiredService<IClusterClient>().GetGrain<IConsumerGroupManagementGrain>(group);
    Print(await management.GetStatusAsync());
    await host.StopAsync();
    return 0;
}
catch (ConsumerStateException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
catch (Exception exception) when (exception is Orleans.Runtime.OrleansException or TimeoutException)
{
    Console.Error.WriteLine($"No silo answers at gateway port {gatewayPort}: {exception.Message}");
    return 1;
}

static void Print(ConsumerGroupStatus status)
{
    Console.WriteLine($"group {status.Group}: {status.ClientIds.Count} member(s), lag {(object?)status.Lag ?? "?"}");
    Console.WriteLine();
    Console.WriteLine($"{"topic",-28} {"broker",-12} {"queue",5} {"committed",9} {"done",9} {"end",9} {"lag",6}  owner");
    foreach (var queue in status.Queues)
    {
        Console.WriteLine(
            $"{queue.Queue.Topic,-28} {queue.Queue.BrokerName,-12} {queue.Queue.QueueId,5} {queue.CommittedOffset,9} {queue.Watermark,9} {queue.MaxOffset,9} {(object?)queue.Lag ?? "?",6}  {queue.Owner}");
    }
}
