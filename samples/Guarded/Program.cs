// Whoever reaches an Orleans gateway may call every grain, those that stop consumer groups and drop dead letters included.
// Here a gateway takes only clients with a certificate, and of these only operators change anything: TLS of Orleans on both
// ports of the silo, and a filter before its grains.
//
//   dotnet run --project samples/Guarded                                            with an embedded broker
//   dotnet run --project samples/Guarded -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Guarded;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ;
using OrleansRocketMQ.Embedded;

const string Group = "guarded";
const string Topic = "Guarded";

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Critical); // The story is told by what callers hear.
var gatewayPort = builder.Configuration.GetValue("Orleans:Endpoints:GatewayPort", 30000);
var nameServer = builder.Configuration["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
embedded?.CreateTopic(Topic);

// 1. A silo that speaks TLS only, with other silos and with clients, and asks who calls.
using var authority = new Authority("Authority of this cluster");
using var siloCertificate = authority.Issue("silo");
var tokens = new OperatorTokens(RandomNumberGenerator.GetBytes(32));
builder.Services.AddSingleton(tokens);
builder.Services.AddSingleton(TimeProvider.System);
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(builder.Configuration.GetValue("Orleans:Endpoints:SiloPort", 11111), gatewayPort)
    .UseTls(options => authority.Require(options, siloCertificate))
    .AddIncomingGrainCallFilter<ManagementGuard>()
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer ?? embedded!.NameServerAddress)
        .AddConsumer(Group, consumer => consumer.Subscribe(Topic).Handle((_, _) => Task.FromResult(ConsumeResult.Success)))));
using var host = builder.Build();
await host.StartAsync();

// 2. Clients with a certificate of the authority reach the gateway; what they may do, their tokens say.
using var certificate = authority.Issue("back office");
using (var office = Client(authority, certificate))
{
    await office.StartAsync();
    var hour = DateTimeOffset.UtcNow.AddHours(1);
    var viewer = tokens.Issue("vera", Role.Viewer, hour);
    await TryAsync(office, "nobody", token: null);
    await TryAsync(office, "a viewer", viewer);
    await TryAsync(office, "an operator", tokens.Issue("olga", Role.Operator, hour));
    await TryAsync(office, "an operator of yesterday", tokens.Issue("otto", Role.Operator, hour.AddDays(-1)));
    await TryAsync(office, "a viewer who has written operator", viewer.Replace("Viewer", "Operator", StringComparison.Ordinal));
    await office.StopAsync();
}

// 3. Others do not get as far as the filter.
using var others = new Authority("Authority of somebody else");
using var foreign = others.Issue("back office");
await KnockAsync("without TLS", Client(authority, certificate: null));
await KnockAsync("with a certificate of somebody else", Client(authority, foreign));

// 4. What runs in the silo needs no token.
var flow = await host.Services.GetRequiredService<IGrainFactory>().GetGrain<IConsumerGroupManagementGrain>(Group).GetFlowAsync();
Console.WriteLine($"the silo itself: sees {flow.Paused.Count} pauses");
await host.StopAsync();

IHost Client(Authority trusted, X509Certificate2? certificate)
{
    var client = Host.CreateApplicationBuilder();
    client.Logging.SetMinimumLevel(LogLevel.None);
    client.UseOrleansClient(orleans =>
    {
        orleans.UseLocalhostClustering(gatewayPort).UseConnectionRetryFilter((_, _) => Task.FromResult(false));
        if (certificate is not null)
        {
            orleans.UseTls(options => trusted.Require(options, certificate));
        }
    });
    return client.Build();
}

async Task TryAsync(IHost client, string who, string? token)
{
    RequestContext.Set(ManagementGuard.TokenKey, token!);
    var management = client.Services.GetRequiredService<IClusterClient>().GetGrain<IConsumerGroupManagementGrain>(Group);
    Console.WriteLine($"{who}: sees the group: {await AskAsync(() => management.GetStatusAsync())}; pauses it: {await AskAsync(() => management.PauseAsync(ConsumerScope.Everything))}");
}

static async Task<string> AskAsync(Func<Task> call)
{
    try
    {
        await call();
        return "yes";
    }
    catch (UnauthorizedAccessException exception)
    {
        return $"no, {exception.Message}";
    }
}

static async Task KnockAsync(string who, IHost client)
{
    using var host = client;
    try
    {
        await host.StartAsync();
        Console.WriteLine($"{who}: is connected");
    }
    catch (Exception)
    {
        Console.WriteLine($"{who}: no connection");
    }
}
