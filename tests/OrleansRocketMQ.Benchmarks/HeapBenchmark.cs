using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Concurrency;
using Orleans.Hosting;
using Orleans.Placement;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Whether memory that is counted is memory that is held: a silo whose listeners leave one message of a pull undone, and set
/// others aside, reads ahead until <c>MaxCachedBytes</c> is used up. Then its live heap is looked at, after a full collection.
/// <c>--parked 500 --every 32 --keyedqueues 32 --orderlyqueues 8 --body 7900 --out FILE</c>; a larger <c>--every</c> leaves
/// pulls between those with a message that stays; <c>--compress</c> has bodies come compressed.
/// </summary>
internal static class HeapBenchmark
{
    public const string KeyedTopic = "heap_keyed";
    public const string OrderlyTopic = "heap_orderly";

    // What a pull brings at most, by default.
    private const int BytesPerPull = 256 * 1024;
    private const int PullBatch = 32;

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var setting = HeapSetting.Of(arguments);
        using var broker = BrokerProcess.Start();
        Load(broker, OrderlyTopic, setting.OrderlyQueues, (setting.Parked + setting.OrderlyQueues - 1) / setting.OrderlyQueues, setting);

        // Twice what the limit lets in, whatever the other group holds.
        Load(broker, KeyedTopic, setting.KeyedQueues, 2 * setting.Limit / BytesPerPull / setting.KeyedQueues, setting);
        var report = new ReportFile(arguments);
        report.Begin("Memory that is counted and memory that is held", setting.ToString());
        using var host = Build(broker.NameServer, setting);
        await host.StartAsync();
        var status = host.Services.GetRequiredService<IRocketMQSiloStatus>();
        var consumers = host.Services.GetRequiredService<IRocketMQConsumers>();
        var before = LiveBytes();

        await consumers.Get(OrderlyTopic).StartAsync();
        var parked = await StandsStillAsync(() => Undone(status, OrderlyTopic));
        await consumers.Get(KeyedTopic).StartAsync();
        var stuck = await StandsStillAsync(() => Undone(status, KeyedTopic));
        var figures = await LookAsync(status, before);
        report.Say("| | bytes |");
        report.Say("|---|---|");
        report.Say($"| `MaxCachedBytes` | {setting.Limit:N0} |");
        report.Say($"| counted | {figures.Counted:N0} |");
        report.Say($"| bodies of the {stuck + parked} messages not done ({stuck} in key order, {parked} in order) | {Bodies(status):N0} |");
        report.Say($"| live heap before the groups start | {before:N0} |");
        report.Say($"| live heap, the largest of {HeapFigures.Looks} looks | {figures.Live:N0} |");
        report.Say($"| live heap beyond that before | {figures.Live - before:N0} |");
        report.Say(string.Empty);
        var isUsedUp = figures.Counted >= setting.Limit;
        var share = (figures.Live - before) / (double)setting.Limit;
        var whole = figures.Live / (double)setting.Limit;
        var perCounted = (figures.Live - before) / (double)figures.Counted;
        report.Say($"The whole live heap is {whole * 100:0.0} % of `MaxCachedBytes`, what the groups have added to it {share * 100:0.0} %, and {perCounted * 100:0.0} % of what is counted. {Verdict(isUsedUp, share)}");
        await report.WriteAsync();
        await host.StopAsync();
        return isUsedUp && share <= 1.1 ? 0 : 1;
    }

    /// <summary>Fills a topic; in a process of its own, since what a producer leaves behind is not the silo's.</summary>
    public static async Task<int> LoadAsync(Arguments arguments)
    {
        var every = arguments.Number("every", PullBatch);
        await using var client = Cluster.Connect(arguments.NameServer);
        var route = await Cluster.CreateTopicAsync(client, arguments.Topic, arguments.Queues);
        await using var producer = new Producer(
            client,
            new ProducerOptions
            {
                Group = "heap",
                SendTimeout = TimeSpan.FromSeconds(30),
                RetryTimes = 10,
                CompressBodyFrom = arguments["compress"] is null ? int.MaxValue : 1,
            },
            NullLoggerFactory.Instance);

        // As text is, when it is to be compressed: to a fraction.
        var body = new byte[arguments.BodyLength];
        Random.Shared.NextBytes(arguments["compress"] is null ? body : body.AsSpan(0, body.Length / 8));
        await Parallel.ForEachAsync(route.WriteQueues, async (queue, token) =>
        {
            // One after the other, so that each pull has the message that stays.
            for (var number = 0; number < arguments.Messages; number++)
            {
                var key = number % every == every / 2 ? $"{HeapListener.Stuck}-{queue.QueueId}-{number}" : $"key-{queue.QueueId}-{number % 4}";
                await producer.SendAsync(new Message(arguments.Topic, body) { ShardingKey = key }, queue, token);
            }
        });
        return 0;
    }

    private static void Load(BrokerProcess broker, string topic, int queues, long stuckPerQueue, HeapSetting setting) => Suite.Run(
        "heap-load",
        $"--nameserver={broker.NameServer} --topic={topic} --queues={queues} --body={setting.Body} --every={setting.Every}",
        $"--messages={stuckPerQueue * setting.Every}{(setting.IsCompressed ? " --compress" : string.Empty)}");

    private static IHost Build(string nameServer, HeapSetting setting)
    {
        void Configure(ConsumerOptions options)
        {
            options.AutoStart = false;
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.PullBatchSize = PullBatch;

            // Only the limit of the silo stops it; what fails waits, and is not filed as dead.
            options.PullThresholdForAll = options.PullThresholdForTopic = 1_000_000;
            (options.PullThresholdForQueue, options.MaxCachedMessagesPerQueue, options.ConsumeMaxSpan) = (60_000, 60_000, 60_000);
            options.MaxReconsumeTimes = 1_000_000;
            options.SuspendCurrentQueueTime = options.KeyRetryBackoff = TimeSpan.FromSeconds(30);
            options.PoisonHandling = PoisonHandling.Park;
            (options.MaxParkedKeys, options.MaxParkedMessages) = (10_000, setting.Parked);
        }

        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddConsole().SetMinimumLevel(LogLevel.Critical);
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering()
            .AddRocketMQ(rocketmq => rocketmq
                .UseNameServer(nameServer)
                .Configure(options => options.MaxCachedBytes = setting.Limit)
                .AddConsumer<HeapListener>(KeyedTopic, consumer => consumer.Subscribe(KeyedTopic).Configure(Configure))
                .AddConsumer<HeapOrderlyListener>(OrderlyTopic, consumer => consumer.Subscribe(OrderlyTopic).Configure(Configure))));
        return builder.Build();
    }

    /// <summary>Waits until a group has consumed all it may, and tells how many messages are not done.</summary>
    private static async Task<long> StandsStillAsync(Func<(long Consumed, long Undone)> look)
    {
        var deadline = DateTime.UtcNow + Patience;
        var (last, same) = (look(), 0);

        // Ten looks on end.
        while (same < 10 || last.Consumed == 0)
        {
            if (DateTime.UtcNow > deadline)
            {
                throw new TimeoutException($"It does not stand still: {last.Consumed} messages are consumed, {last.Undone} are not done.");
            }

            await Task.Delay(LookAgain);
            var now = look();
            (last, same) = (now, now == last ? same + 1 : 0);
        }

        return last.Undone;
    }

    private static async Task<HeapFigures> LookAsync(IRocketMQSiloStatus status, long before)
    {
        var most = new HeapFigures(0, before);
        for (var look = 0; look < HeapFigures.Looks; look++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            most = new(Math.Max(most.Counted, status.Groups[0].SiloCachedBytes), Math.Max(most.Live, LiveBytes()));
        }

        return most;
    }

    private static long LiveBytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    private static (long Consumed, long Undone) Undone(IRocketMQSiloStatus status, string group)
    {
        var told = status.Groups.First(told => told.Group == group);
        return (told.Consumed, told.Queues.Sum(queue => (long)queue.CachedMessages));
    }

    private static long Bodies(IRocketMQSiloStatus status) => status.Groups.Sum(group => group.Queues.Sum(queue => queue.CachedBytes));

    private static string Verdict(bool isUsedUp, double share) => (isUsedUp, share <= 1.1) switch
    {
        (false, _) => "The limit was not reached: THIS SAYS NOTHING.",
        (_, true) => "It holds: no more than 110 %.",
        _ => "It DOES NOT HOLD: more than 110 %.",
    };

    private readonly record struct HeapFigures(long Counted, long Live)
    {
        public const int Looks = 5;
    }

    private sealed record HeapSetting(int Parked, int Every, int KeyedQueues, int OrderlyQueues, int Body, bool IsCompressed)
    {
        /// <summary>20 pulls of each queue.</summary>
        public long Limit => 20L * (KeyedQueues + OrderlyQueues) * BytesPerPull;

        public static HeapSetting Of(Arguments arguments) => new(
            arguments.Number("parked", 500),
            arguments.Number("every", PullBatch),
            arguments.Number("keyedqueues", 32),
            arguments.Number("orderlyqueues", 8),
            arguments.Number("body", 7900),
            arguments["compress"] is not null);

        public override string ToString()
            => FormattableString.Invariant($"Embedded broker in a process of its own. Messages of {Body} bytes{(IsCompressed ? ", compressed" : string.Empty)}, {PullBatch} a pull; of {Every} messages of a queue one stays: it fails again and again. {OrderlyQueues} queues in order, which set {Parked} messages aside, then {KeyedQueues} in key order, read until `MaxCachedBytes` (20 x {KeyedQueues + OrderlyQueues} x 256 KiB) is used up.");
    }
}

/// <summary>Fails on messages that are to stay.</summary>
internal sealed class HeapListener : Grain, IKeyOrderedListener
{
    public const string Stuck = "stuck";

    public static bool Stays(MessageBatch messages) => messages[0].ShardingKey!.StartsWith(Stuck, StringComparison.Ordinal);

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        => ValueTask.FromResult(Stays(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success);
}

/// <inheritdoc cref="HeapListener"/>
[PreferLocalPlacement]
internal sealed class HeapOrderlyListener : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(
        MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
        => ValueTask.FromResult(HeapListener.Stays(messages) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success);
}
