using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Statistics;
using Xunit.Abstractions;
using InProcessTestCluster = Orleans.TestingHost.InProcessTestCluster;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>
/// Silos that consume a steady load, and what a test does to them. Queue grains live in the directory they have in
/// production; only Orleans' own membership table and transport are those of its test cluster.
/// </summary>
internal sealed class LoadedCluster : IAsyncDisposable
{
    /// <summary>What the mission asks for at least.</summary>
    public const int MessagesPerSecond = 5000;

    private static int s_groups;
    private readonly ITestOutputHelper _output;
    private readonly SteadyLoad _load;
    private readonly List<TimeSpan> _balances = [];
    private long _since;

    private LoadedCluster(EmbeddedRocketMQ rocketmq, TestCluster cluster, string group, ConsumeMode mode, ITestOutputHelper output)
    {
        Mode = mode;
        RocketMQ = rocketmq;
        Cluster = cluster;
        Group = group;
        _output = output;
        _load = new SteadyLoad(rocketmq, MessagesPerSecond);
    }

    public ConsumeMode Mode { get; }

    /// <summary>What the silos have warned of.</summary>
    public required ProductWarnings Warnings { get; init; }

    public EmbeddedRocketMQ RocketMQ { get; }

    public TestCluster Cluster { get; }

    public InProcessTestCluster Silos => Cluster.Silos;

    public string Group { get; }

    public DeliveryLog Log => DeliveryLog.Of(Group);

    /// <summary>Silos that share the queues, under load; returns when messages flow from every queue.</summary>
    public static Task<LoadedCluster> StartAsync(
        ITestOutputHelper output, short silos, ConsumeMode mode = ConsumeMode.Concurrent, int queues = 16, int brokers = 1, EmbeddedRocketMQOptions? options = null)
        => mode switch
        {
            ConsumeMode.Orderly => StartAsync<OrderlyLoggingListener>(output, silos, mode, queues, brokers, options),
            ConsumeMode.KeyOrdered => StartAsync<KeyedLoggingListener>(output, silos, mode, queues, brokers, options),
            _ => StartAsync<LoggingListener>(output, silos, mode, queues, brokers, options),
        };

    private static async Task<LoadedCluster> StartAsync<TListener>(
        ITestOutputHelper output, short silos, ConsumeMode mode, int queues, int brokers, EmbeddedRocketMQOptions? options)
        where TListener : IMessageListener
    {
        var rocketmq = await EmbeddedRocketMQ.StartAsync(options);
        for (var number = 1; number < brokers; number++)
        {
            await rocketmq.AddBrokerAsync($"broker-{(char)('a' + number)}");
        }

        rocketmq.CreateTopic(SteadyLoad.Topic, queues / brokers);
        var group = $"loaded_{Interlocked.Increment(ref s_groups)}";
        var warnings = new ProductWarnings();
        var cluster = await TestCluster.StartAsync(
            rocketmq.NameServerAddress,
            builder => builder.AddConsumer<TListener>(
                group,
                consumer => consumer.Subscribe(SteadyLoad.Topic).Configure(settings =>
                {
                    settings.ConsumeFromWhere = Configuration.ConsumeFromWhere.FirstOffset;

                    // Sooner than the usual 5 s, as every test waits for the last commit.
                    settings.PersistInterval = TimeSpan.FromSeconds(1);
                })),
            silos,
            warnings);
        var loaded = new LoadedCluster(rocketmq, cluster, group, mode, output) { Warnings = warnings };
        await loaded.UntilBalancedAsync(silos, queues);
        await loaded.UntilFlowsAsync();

        // What the start took is not what is measured.
        loaded._balances.Clear();
        loaded._since = TimeProvider.System.GetTimestamp();
        return loaded;
    }

    /// <summary>Waits until that many silos share that many queues, none with more than one more than another.</summary>
    public async Task UntilBalancedAsync(int silos, int queues)
    {
        var start = TimeProvider.System.GetTimestamp();
        await Eventually.TrueAsync(
            () => Shares() is var shares && shares.Count == silos && shares.Sum() == queues && shares.Max() - shares.Min() <= 1,
            () => $"{queues} queues are shared evenly by {silos} silos; they have {string.Join(", ", Shares())}");
        _balances.Add(TimeProvider.System.GetElapsedTime(start));
        Note($"{silos} silos share {queues} queues");
    }

    /// <summary>Writes down when something happened, beside the pauses.</summary>
    public void Note(string what) => _output.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{TimeProvider.System.GetElapsedTime(_since).TotalMilliseconds:F0} ms: {what}"));

    /// <summary>Waits until another second's worth of the load has been consumed.</summary>
    public Task UntilFlowsAsync()
    {
        var target = Log.Count + MessagesPerSecond;
        return Eventually.TrueAsync(() => Log.Count >= target, () => $"{target} deliveries; there are {Log.Count}");
    }

    /// <summary>Ends the load, waits until all of it is consumed and committed, and tells what became of it.</summary>
    public async Task<Outcome> EndAsync(string what)
    {
        await _load.StopAsync();
        await Eventually.TrueAsync(() => Uncommitted() == 0, () => $"everything is committed; {Uncommitted()} messages are not, {Log.Compare(RocketMQ.Brokers)}");
        var outcome = Log.Compare(RocketMQ.Brokers, _since);
        _output.WriteLine($"{what}: {outcome}");
        if (outcome.Duplicates > 0)
        {
            _output.WriteLine(Log.DescribeRepeats(_since));
            _output.WriteLine(Warnings.ToString());
        }

        _output.WriteLine(Log.DescribePauses(_since, TimeSpan.FromMilliseconds(250)));
        _output.WriteLine(outcome.Row(what, Mode, _balances.Count == 0 ? null : _balances.Max()));
        return outcome;
    }

    public async ValueTask DisposeAsync()
    {
        await _load.DisposeAsync();
        await Cluster.DisposeAsync();
        await RocketMQ.DisposeAsync();
    }

    private IReadOnlyList<int> Shares() =>
    [
        .. Silos.GetActiveSilos()
            .Select(silo => Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IRocketMQSiloStatus>().Groups.FirstOrDefault(status => status.Group == Group))
            .Select(status => status?.Queues.Count(queue => queue.Queue.Topic == SteadyLoad.Topic && queue.NextPullOffset >= 0) ?? 0),
    ];

    private long Uncommitted() => RocketMQ.Brokers.Sum(broker => Enumerable.Range(0, broker.QueueCount(SteadyLoad.Topic))
        .Sum(queue => broker.MaxOffset(SteadyLoad.Topic, queue) - (broker.CommittedOffset(Group, SteadyLoad.Topic, queue) ?? 0)));
}
