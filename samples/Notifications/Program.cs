// Broadcasting: two silos, two screens, and each shows every notice. The second silo goes away and comes back under its
// name: it shows what it missed and nothing twice, because each silo keeps its own progress, here in files.
//
//   dotnet run --project samples/Notifications                                            with an embedded broker
//   dotnet run --project samples/Notifications -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one

using System.Net;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Notifications;
using Orleans.Configuration;
using OrleansRocketMQ;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;

const string Lobby = "lobby";
const string Canteen = "canteen";

var settings = new ConfigurationBuilder().AddCommandLine(args).Build();
var run = Guid.NewGuid().ToString("N")[..8];
var screens = new Screens(run);
var progress = Directory.CreateTempSubdirectory("rocketmq-notifications-");

// 1. A broker: the one that is named, or one in this process.
var nameServer = settings["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
nameServer ??= embedded!.NameServerAddress;

// 2. Two silos of one cluster.
var lobbyPort = settings.GetValue("Lobby:SiloPort", 11111);
using var lobby = Silo(Lobby, lobbyPort, settings.GetValue("Lobby:GatewayPort", 30000));
await lobby.StartAsync();
using var canteen = Silo(Canteen, settings.GetValue("Canteen:SiloPort", 11112), settings.GetValue("Canteen:GatewayPort", 30001));
await canteen.StartAsync();

// 3. Both show everything.
await using var producer = new Producer(
    new RocketMQClientOptions { NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer), ClientId = $"127.0.0.1@office#{Environment.ProcessId}" },
    new ProducerOptions { Group = "office" },
    NullLoggerFactory.Instance);
await SendAsync("soup is ready", "a car blocks the gate", "fire drill at noon", "the lift is stuck", "a key was found");
var ended = await screens.WaitAsync(Lobby, 5) && await screens.WaitAsync(Canteen, 5);
Console.WriteLine($"5 notices sent: the {Lobby} showed {screens.CountOf(Lobby)}, the {Canteen} {screens.CountOf(Canteen)}");

// 4. One of them misses some.
await canteen.StopAsync();
await SendAsync("the lift works", "the gate is free", "cake in room 7");
ended &= await screens.WaitAsync(Lobby, 8);
Console.WriteLine($"3 more while the {Canteen} is off: the {Lobby} showed {screens.CountOf(Lobby)}, the {Canteen} {screens.CountOf(Canteen)}");

// 5. Back under the same name it goes on where it was.
using var canteenAgain = Silo(Canteen, settings.GetValue("Canteen:SiloPort", 11112), settings.GetValue("Canteen:GatewayPort", 30001));
await canteenAgain.StartAsync();
ended &= await screens.WaitAsync(Canteen, 8);
Console.WriteLine($"the {Canteen} is back: it has shown {screens.CountOf(Canteen)}, {screens.RepeatsOf(Canteen)} of them twice");

await canteenAgain.StopAsync();
await lobby.StopAsync();
progress.Delete(recursive: true);
return ended ? 0 : 1;

IHost Silo(string name, int siloPort, int gatewayPort)
{
    var builder = Host.CreateApplicationBuilder();
    builder.Logging.SetMinimumLevel(LogLevel.Critical);
    builder.Services.AddSingleton(screens);
    builder.UseOrleans(silo => silo
        .UseLocalhostClustering(siloPort, gatewayPort, new IPEndPoint(IPAddress.Loopback, lobbyPort))
        .Configure<SiloOptions>(options => options.SiloName = name)
        .AddRocketMQ(rocketmq => rocketmq
            .UseNameServer(nameServer)
            .UseFileStorage() // Or any grain storage named "RocketMQ".
            .Configure(options =>
            {
                options.OffsetStorePath = progress.FullName;
                options.PollNameServerInterval = TimeSpan.FromSeconds(1); // Sees new topics soon.
            })
            .AddConsumer<NoticeListener>(NoticeListener.Group, consumer => consumer.Configure(options =>
            {
                options.MessageModel = MessageModel.Broadcasting;
                options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            }))));
    return builder.Build();
}

async Task SendAsync(params string[] notices)
{
    foreach (var notice in notices)
    {
        await producer.SendAsync(new Message(NoticeListener.Topic, Encoding.UTF8.GetBytes($"{notice} {run}")));
    }
}
