// A silo in a process of its own, for tests that kill it. Tells its listener's deliveries on its output, one line each.
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using OrleansRocketMQ;
using OrleansRocketMQ.Cluster.Node;
using OrleansRocketMQ.Configuration;

var (nameServer, group, topic) = (args[0], args[1], args[2]);
var (siloPort, gatewayPort, primary) = (int.Parse(args[3]), int.Parse(args[4]), IPEndPoint.Parse(args[5]));

var builder = Host.CreateApplicationBuilder();
builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Warning);
builder.Services.AddSingleton<DeliveryLines>();
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(siloPort, gatewayPort, primary)
    .Configure<ClusterMembershipOptions>(membership =>
    {
        membership.ProbeTimeout = TimeSpan.FromMilliseconds(500);
        membership.NumMissedProbesLimit = 2;
        membership.NumVotesForDeathDeclaration = 1;
        membership.TableRefreshTimeout = TimeSpan.FromSeconds(2);
    })
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .AddConsumer<IMessageListener>(group, consumer => consumer
            .Subscribe(topic)
            .Configure(options =>
            {
                options.Listener = args is [.., "keyed"] ? typeof(KeyLineListener) : typeof(LineListener);
                options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            }))));
var host = builder.Build();
await host.StartAsync();
Console.WriteLine("ready");
await host.WaitForShutdownAsync();
