using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What a status and a drain cost in grain calls and time, with many silos in this process and many queues: as they are, and
/// as they once were (reports of all silos every 20 ms, a call for each queue), which is done here with the same grains.
/// <c>--silos 50 --queues 2000 --rounds 5 --out FILE</c>
/// </summary>
internal static class OperationsBenchmark
{
    private const string Group = "benchmark_operations";
    private const string Topic = "operations";
    private const int MostQueuesOfABroker = 1000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ListenerTime = TimeSpan.FromSeconds(5);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (silos, queues, rounds) = (arguments.Number("silos", 50), arguments.Number("queues", 2000), arguments.Number("rounds", 5));
        var report = new ReportFile(arguments);
        report.Begin("Status and drains", $"{silos} silos in one process, {queues} queues on two brokers, all of them run; medians of {rounds}. "
            + "\"Before\" is what earlier versions did, done with the same grains: for a status a call for each queue, for a drain the reports of all silos every 20 ms.");
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        var second = await rocketmq.AddBrokerAsync("broker-b");
        rocketmq.Broker.CreateTopic(Topic, Math.Min(queues - 1, MostQueuesOfABroker));
        second.CreateTopic(Topic, queues - rocketmq.Broker.QueueCount(Topic));
        var calls = new CallCounter();
        var listener = new SlowListener();
        var hosts = await StartAsync(rocketmq.NameServerAddress, silos, calls, listener);
        var run = new OperationsRun(hosts, calls, Group, report);
        await run.StartGroupAsync(queues, Patience);
        await run.CompareAsync("status", rounds, run.StatusAsync, run.StatusBeforeAsync);
        await run.CompareAsync("drain of a silo, listeners idle", rounds, run.DrainAsync, run.DrainBeforeAsync);

        listener.Time = ListenerTime;
        await run.CompareAsync(
            $"drain of a silo, a listener busy for {ListenerTime.TotalSeconds:0} s",
            rounds,
            () => BusyAsync(rocketmq, run, listener, run.DrainAsync),
            () => BusyAsync(rocketmq, run, listener, run.DrainBeforeAsync));
        run.Tell();
        await report.WriteAsync();

        // Fifty silos that leave one after the other measure nothing.
        Environment.Exit(0);
        return 0;
    }

    /// <summary>A message for a queue of the silo that is to be drained, so that it waits for its listener.</summary>
    private static async Task<Cost> BusyAsync(EmbeddedRocketMQ rocketmq, OperationsRun run, SlowListener listener, Func<Task<Cost>> drain)
    {
        var queue = run.QueueOfTheVictim(Topic);
        await using var client = Cluster.Connect(rocketmq.NameServerAddress);
        await using var producer = new Producing.Producer(client, new Producing.ProducerOptions { Group = "operations" }, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        var called = listener.NextCall();
        await producer.SendAsync(new Message(Topic, new byte[16]), queue);
        await called.WaitAsync(Patience);
        return await drain();
    }

    private static Task<List<IHost>> StartAsync(string nameServer, int silos, CallCounter calls, SlowListener listener)
        => ManySilos.StartAsync(silos, (silo, number) => silo
            .AddIncomingGrainCallFilter(calls.Of(number))
            .AddRocketMQ(rocketmq => rocketmq
                .UseNameServer(nameServer)
                .Configure(options => (options.MembershipTimeout, options.ShutdownTimeout) = (TimeSpan.Zero, TimeSpan.FromSeconds(25)))
                .AddConsumer(Group, consumer => consumer
                    .Subscribe(Topic)
                    .Configure(options => (options.AutoStart, options.ConsumeFromWhere) = (false, ConsumeFromWhere.FirstOffset))
                    .Handle((_, _) => listener.ConsumeAsync()))));

    /// <summary>Takes as long as it is told to.</summary>
    private sealed class SlowListener
    {
        private TaskCompletionSource _called = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TimeSpan Time { get; set; }

        public Task NextCall() => (_called = new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public Task ConsumeAsync()
        {
            _called.TrySetResult();
            return Task.Delay(Time);
        }
    }
}

/// <summary>What an operation took.</summary>
/// <param name="Milliseconds">From the call to its end.</param>
/// <param name="Calls">Grain calls of management at all silos together, answers to settings grains included.</param>
/// <param name="MostOfASilo">Those at the silo that had most.</param>
internal readonly record struct Cost(double Milliseconds, int Calls, int MostOfASilo);

/// <summary>Counts what the silos are asked by management.</summary>
internal sealed class CallCounter
{
    private static readonly HashSet<Type> Counted = [typeof(IConsumerGroupOnSiloGrain), typeof(IGroupSettingsGrain), typeof(IMessageQueueGrain), typeof(IGroupAgent)];

    // Each silo makes itself known every few seconds whether anything is operated or not.
    private static readonly HashSet<string> Always = [nameof(IGroupSettingsGrain.JoinAsync), nameof(IGroupSettingsGrain.JoinWithVersionsAsync), nameof(IMessageQueueGrain.EnsureStartedAsync)];

    private readonly ConcurrentDictionary<int, int> _counts = [];

    public void Clear() => _counts.Clear();

    public Cost Since(long start) => new(Stopwatch.GetElapsedTime(start).TotalMilliseconds, _counts.Values.Sum(), _counts.Values.DefaultIfEmpty().Max());

    public IIncomingGrainCallFilter Of(int silo) => new Filter(this, silo);

    private sealed class Filter(CallCounter counter, int silo) : IIncomingGrainCallFilter
    {
        public Task Invoke(IIncomingGrainCallContext context)
        {
            if (Counted.Contains(context.InterfaceMethod.DeclaringType!) && !Always.Contains(context.InterfaceMethod.Name))
            {
                counter._counts.AddOrUpdate(silo, 1, (_, count) => count + 1);
            }

            return context.Invoke();
        }
    }
}
