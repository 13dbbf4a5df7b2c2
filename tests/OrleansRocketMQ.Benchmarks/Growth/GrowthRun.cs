using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Management;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// One point of <see cref="GrowthBenchmark"/>: silos in one process consume the same messages several times, each time by another group. A
/// group's queues have all begun before its first message goes to a listener, so that neither start nor compilation is measured; the
/// first group is left out. Prints a line for each of the others.
/// </summary>
internal sealed class GrowthRun(Arguments arguments)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(50);

    private readonly int _silos = arguments.Number("silos", 1);
    private readonly int _rounds = arguments.Number("rounds", 3);
    private readonly string[] _topics = [.. GrowthLoad.Names(arguments.Topic, arguments.Number("topics", 1))];
    private List<IHost> _hosts = [];
    private Goal _goal = new(0, static () => { });

    public async Task<int> RunAsync()
    {
        _hosts = await ManySilos.StartAsync(_silos, (silo, _) => silo
            .ConfigureServices(services => services.AddTransient(_ => _goal))
            .AddRocketMQ(Declare));
        for (var round = 0; round <= _rounds; round++)
        {
            var figures = await ConsumeAsync(Group(round));
            if (round > 0)
            {
                Console.WriteLine(figures.Line);
            }
        }

        // Silos that stop one after the other measure nothing.
        Environment.Exit(0);
        return 0;
    }

    private string Group(int round) => $"{arguments.Topic}_{round}";

    private void Declare(RocketMQBuilder rocketmq)
    {
        rocketmq.UseNameServer(arguments.NameServer).Configure(options => options.MembershipTimeout = TimeSpan.Zero);
        for (var round = 0; round <= _rounds; round++)
        {
            _ = (arguments["mode"] ?? "concurrent") switch
            {
                "concurrent" => rocketmq.AddConsumer<CountingListener>(Group(round), Configure),
                "orderly" => rocketmq.AddConsumer<OrderlyCountingListener>(Group(round), Configure),
                "keyed" => rocketmq.AddConsumer<CountingKeyedListener>(Group(round), Configure),
                var mode => throw new RocketMQValidationException("--modes", mode, "concurrent, orderly or keyed"),
            };
        }
    }

    private void Configure(ConsumerBuilder consumer)
    {
        consumer.Configure(options =>
        {
            (options.AutoStart, options.ConsumeFromWhere) = (false, ConsumeFromWhere.FirstOffset);
            options.ConsumeBatchSize = arguments.Number("batch", 1);
        });
        foreach (var topic in _topics)
        {
            consumer.Subscribe(topic);
        }
    }

    private async Task<GrowthFigures> ConsumeAsync(string group)
    {
        var grains = _hosts[0].Services.GetRequiredService<IGrainFactory>();
        _goal = new(arguments.Messages, static () => { }, arguments.Number("first", 0));

        // Not later: it would end the grain that knows whom to tell of the end of the pause.
        await EndListenersAsync(grains.GetGrain<IManagementGrain>(0));
        await grains.GetGrain<IGroupSettingsGrain>(group).PauseAsync(ConsumerScope.Everything);
        await Task.WhenAll(ConsumersOf(group).Select(consumer => consumer.StartAsync()));
        await UntilAllQueuesHaveBegunAsync(group);

        // What the start, and the group before, have left behind is not the messages'.
        GC.Collect();
        var begin = ProcessFigures.Now();
        await grains.GetGrain<IConsumerGroupManagementGrain>(group).ResumeAsync(ConsumerScope.Everything);
        var end = await _goal.Reached;
        await Task.WhenAll(ConsumersOf(group).Select(consumer => consumer.StopAsync()));
        return GrowthFigures.Of(begin, _goal.Start, end, arguments);
    }

    // Those of the group before count for its goal, and a key's first message is to find no grain.
    private static Task EndListenersAsync(IManagementGrain management) => UntilAsync(
        async () =>
        {
            try
            {
                await management.ForceActivationCollection(TimeSpan.Zero);
                var running = await management.GetSimpleGrainStatistics();
                return !running.Any(static grain => grain.GrainType.Contains("Counting", StringComparison.Ordinal));
            }
            catch (TimeoutException)
            {
                // A million take longer to end than a call may last, and go on ending.
                return false;
            }
        },
        static () => "Listeners of the group before still run.");

    private static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what)
    {
        for (var waited = TimeSpan.Zero; !await condition(); waited += LookAgain)
        {
            if (waited > Patience)
            {
                throw new TimeoutException(what());
            }

            await Task.Delay(LookAgain);
        }
    }

    private async Task UntilAllQueuesHaveBegunAsync(string group)
    {
        await UntilAsync(
            () => Task.FromResult(IsBalanced(group)),
            () => $"{_hosts.Sum(host => BegunOn(host, group))} of {arguments.Queues} queues have begun.");
        if (_goal.Seen > 0)
        {
            throw new InvalidOperationException($"{_goal.Seen} messages went to listeners while the group was paused.");
        }
    }

    // The strategy shares out the queues of each topic by itself.
    private bool IsBalanced(string group)
        => _hosts.All(host => BegunOn(host, group) >= arguments.Queues / _topics.Length / _silos * _topics.Length)
            && _hosts.Sum(host => BegunOn(host, group)) == arguments.Queues;

    private int BegunOn(IHost host, string group) => host.Services.GetRequiredService<ConsumerRegistry>().Find(group)?.Pumps.Values
        .Count(pump => pump.HasBegun && pump.Queue.Topic.StartsWith(arguments.Topic, StringComparison.Ordinal)) ?? 0;

    private IEnumerable<IRocketMQConsumer> ConsumersOf(string group)
        => _hosts.Select(host => host.Services.GetRequiredService<IRocketMQConsumers>().Get(group));
}
