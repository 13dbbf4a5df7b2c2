// Windowed counts over a topic: how often each page was seen in each minute. A grain per page holds the counts and how far
// each queue was counted, so that a message that comes twice counts once (see PageGrain). A batch fails after its counts
// were written, and the numbers are right all the same.
//
//   dotnet run --project samples/WindowedCounts                                            with an embedded broker
//   dotnet run --project samples/WindowedCounts -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one

using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using WindowedCounts;

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Critical);

// 1. A broker: the one that is named, or one in this process.
var nameServer = builder.Configuration["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
nameServer ??= embedded!.NameServerAddress;

// 2. A silo. Counts are kept in grain storage; what keeps them and their offsets in one record will do.
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(
        builder.Configuration.GetValue("Orleans:Endpoints:SiloPort", 11111),
        builder.Configuration.GetValue("Orleans:Endpoints:GatewayPort", 30000))
    .AddMemoryGrainStorageAsDefault()
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .Configure(options => options.PollNameServerInterval = TimeSpan.FromSeconds(1)) // Sees new topics soon.
        .AddConsumer<PageGrain>(PageGrain.Group, consumer => consumer.Configure(options =>
        {
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.ConsumeBatchSize = 16;
        }))));

var run = Guid.NewGuid().ToString("N")[..8]; // Other pages in each run.
builder.Services.AddSingleton(new CrashOnce($"/home?{run}"));
using var host = builder.Build();
await host.StartAsync();

// 3. A producer: three pages, three minutes.
(string Page, int[] ViewsByMinute)[] expected = [("/home", [12, 30, 18]), ("/prices", [5, 0, 9]), ("/contact", [1, 2, 3])];
var firstMinute = new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
var clock = new DemoClock(firstMinute);
await using (var producer = new Producer(
    new RocketMQClientOptions { NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer), ClientId = $"127.0.0.1@web#{Environment.ProcessId}" },
    new ProducerOptions { Group = "web" },
    host.Services.GetRequiredService<ILoggerFactory>(),
    clock))
{
    for (var minute = 0; minute < 3; minute++)
    {
        foreach (var (page, views) in expected)
        {
            for (var view = 0; view < views[minute]; view++)
            {
                clock.Now = firstMinute.AddMinutes(minute).AddSeconds(view);
                await producer.SendAsync(new Message(PageGrain.Topic, "seen"u8.ToArray()) { ShardingKey = $"{page}?{run}" }, new HashSelector());
            }
        }
    }
}

// 4. Anybody in the cluster can ask a page's grain. All views are counted once.
var grains = host.Services.GetRequiredService<IGrainFactory>();
var deadline = DateTime.UtcNow.AddMinutes(1);
var right = true;
foreach (var (page, views) in expected)
{
    PageViews counted;
    do
    {
        await Task.Delay(50);
        counted = await grains.GetGrain<IPageGrain>($"{page}?{run}").GetViewsAsync();
    }
    while (counted.Windows.Values.Sum() < views.Sum() && DateTime.UtcNow < deadline);

    Console.WriteLine($"{page}: " + string.Join(", ", counted.Windows.Select(window => $"{window.Key:HH:mm} {window.Value}")) + (counted.Repeats > 0 ? "; some came twice and count once" : string.Empty));
    right &= counted.Windows.Values.SequenceEqual(views.Where(count => count > 0));
}

Console.WriteLine(right ? "every view counts once" : "the counts are wrong");
await host.StopAsync();
return right ? 0 : 1;
