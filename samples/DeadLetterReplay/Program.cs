// Dead letters and their replay: a listener cannot handle some messages, which end in the group's dead-letter topic. We
// list them, look into one, mend the cause, and send them again.
//
//   dotnet run --project samples/DeadLetterReplay                                            with an embedded broker
//   dotnet run --project samples/DeadLetterReplay -- --RocketMQ:NameServer=127.0.0.1:9876    with a real one

using System.Text;
using DeadLetterReplay;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;

var builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Critical);

// 1. A broker: the one that is named, or one in this process.
var nameServer = builder.Configuration["RocketMQ:NameServer"];
await using var embedded = nameServer is null ? await EmbeddedRocketMQ.StartAsync() : null;
nameServer ??= embedded!.NameServerAddress;

// 2. A silo.
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(
        builder.Configuration.GetValue("Orleans:Endpoints:SiloPort", 11111),
        builder.Configuration.GetValue("Orleans:Endpoints:GatewayPort", 30000))
    .AddRocketMQ(rocketmq => rocketmq
        .UseNameServer(nameServer)
        .Configure(options => options.PollNameServerInterval = TimeSpan.FromSeconds(1)) // Sees new topics soon.
        .AddConsumer<InvoiceListener>(InvoiceListener.Group, consumer => consumer.Configure(options =>
        {
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.MaxReconsumeTimes = 1; // The second failure is the last.
        }))));

var rates = new Rates();
builder.Services.AddSingleton(rates);
using var host = builder.Build();
await host.StartAsync();

// 3. Invoices. Nobody has told the listener what a Swiss franc is worth.
var run = Guid.NewGuid().ToString("N")[..8];
(string Name, string Amount)[] invoices = [("invoice-1", "100 EUR"), ("invoice-2", "120 CHF"), ("invoice-3", "50 USD"), ("invoice-4", "75 CHF")];
await using (var producer = new Producer(
    new RocketMQClientOptions { NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer), ClientId = $"127.0.0.1@sales#{Environment.ProcessId}" },
    new ProducerOptions { Group = "sales" },
    host.Services.GetRequiredService<ILoggerFactory>()))
{
    foreach (var (name, amount) in invoices)
    {
        await producer.SendAsync(new Message(InvoiceListener.Topic, Encoding.UTF8.GetBytes(amount), keys: $"{name}-{run}"));
    }
}

// 4. List them. Any grain and any Orleans client can.
var deadLetters = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IDeadLetterGrain>(InvoiceListener.Group);
var letters = new List<DeadLetter>();
if (!await UntilAsync(async () => (letters = await OurLettersAsync()).Count == 2))
{
    return 1;
}

Console.WriteLine($"{letters.Count} dead letters:");
foreach (var letter in letters)
{
    Console.WriteLine($"  {letter.Keys![..^9]} of topic {letter.Topic} failed {letter.ReconsumeTimes} times, {letter.BodyLength} bytes");
}

// 5. Look into one. Nothing changes by looking.
var peeked = await deadLetters.PeekAsync(letters[0].MessageId);
Console.WriteLine($"in the first: {Encoding.UTF8.GetString(peeked!.Body.Span)}");

// 6. Mend the cause, then send them again. ResendAllAsync sends all there are, at a rate.
rates.Add("CHF", 1.05m);
var sent = 0;
foreach (var letter in letters)
{
    sent += await deadLetters.ResendAsync(letter.MessageId, requestedBy: "the sample");
}

Console.WriteLine($"the rate of CHF is known now; {sent} sent again");
var ended = await UntilAsync(() => Task.FromResult(invoices.All(invoice => rates.IsBooked($"{invoice.Name}-{run}"))));
Console.WriteLine($"{invoices.Count(invoice => rates.IsBooked($"{invoice.Name}-{run}"))} of {invoices.Length} invoices booked, {(await OurLettersAsync()).Count} dead letters left");
await host.StopAsync();
return ended ? 0 : 1;

async Task<List<DeadLetter>> OurLettersAsync()
{
    var page = await deadLetters.ListAsync(limit: 1000);
    return [.. page.Letters.Where(letter => letter.Keys?.EndsWith(run, StringComparison.Ordinal) is true).OrderBy(letter => letter.Keys, StringComparer.Ordinal)];
}

static async Task<bool> UntilAsync(Func<Task<bool>> isTrue)
{
    for (var deadline = DateTime.UtcNow.AddMinutes(1); DateTime.UtcNow < deadline; await Task.Delay(100))
    {
        if (await isTrue())
        {
            return true;
        }
    }

    return false;
}
