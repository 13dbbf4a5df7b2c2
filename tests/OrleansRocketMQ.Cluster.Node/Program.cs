// A silo in a process of its own, for tests that kill it. Tells its listener's deliveries on its output, one line each.
using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using OrleansRocketMQ;
using OrleansRocketMQ.Cluster.Node;
using OrleansRocketMQ.Configuration;

var (nameServer, group, topic) = (args[0], args[1], args[2]);
// What follows is words: keyed, hold, and name=value: state, checkpoint, work (milliseconds a message takes).
var words = args[6..];
string? ValueOf(string name) => words.FirstOrDefault(word => word.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..];
var (siloPort, gatewayPort, primary) = (int.Parse(args[3]), int.Parse(args[4]), IPEndPoint.Parse(args[5]));

var builder = Host.CreateApplicationBuilder();
builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Warning);
builder.Services.AddSingleton<DeliveryLines>();
builder.Services.AddSingleton(new MessageWork(TimeSpan.FromMilliseconds(int.Parse(ValueOf("work") ?? "0", CultureInfo.InvariantCulture))));
builder.Services.AddSingleton(new HeldMessages(words.Contains("hold")));
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(siloPort, gatewayPort, primary)
    .UseFastFailureDetection()
    .AddRocketMQ(rocketmq => (ValueOf("state") is null ? rocketmq : rocketmq.UseFileStorage())
        .UseNameServer(nameServer)
        .Configure(options => options.OffsetStorePath = ValueOf("state") ?? options.OffsetStorePath)
        .AddConsumer<IMessageListener>(group, consumer => consumer
            .Subscribe(topic)
            .Configure(options =>
            {
                options.Listener = words.Contains("keyed") ? typeof(KeyLineListener) : typeof(LineListener);
                options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                options.CheckpointInterval = ValueOf("checkpoint") is { } interval ? TimeSpan.Parse(interval, CultureInfo.InvariantCulture) : options.CheckpointInterval;
            }))));
var host = builder.Build();
await host.StartAsync();
Console.WriteLine("ready");
await host.WaitForShutdownAsync();
