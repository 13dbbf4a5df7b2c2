using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Hosting;
using Orleans.Placement;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>A silo consumes a preloaded topic from its first message to its last.</summary>
internal static class ConsumeBenchmark
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var batch = arguments.Number("batch", 1);
        var mode = arguments["mode"] ?? "concurrent";
        using var types = arguments["types"] is null ? null : new AllocatedTypes();
        var goal = new Goal(arguments.Messages, () => types?.Begin());
        void Configure(ConsumerOptions options)
        {
            options.ConsumeBatchSize = batch;
            options.PullBatchSize = arguments.Number("pull", 32);
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.ConsumeMode = arguments.ConsumeMode;
        }

        // As an exporter would; without them nobody listens.
        using var metrics = arguments["metrics"] is null ? null : TelemetryListeners.ToMetrics();
        using var traces = arguments["traces"] is null ? null : TelemetryListeners.ToTraces();
        var listening = (metrics is null ? "" : ", metrics") + (traces is null ? "" : ", traces");
        using var host = mode switch
        {
            "concurrent" => BenchmarkSilo.Build<CountingListener, Goal>(arguments, goal, Configure),
            "leased" => BenchmarkSilo.Build<CountingLeasedListener, Goal>(arguments, goal, Configure),
            "orderly" => BenchmarkSilo.Build<OrderlyCountingListener, Goal>(arguments, goal, Configure),
            "keyed" => BenchmarkSilo.Build<CountingKeyedListener, Goal>(arguments, goal, Configure),
            _ => throw new RocketMQValidationException("--mode", mode, "concurrent, leased, orderly or keyed"),
        };
        await host.StartAsync();
        var end = await goal.Reached;
        var report = end.Report($"consume {mode}{(arguments.ConsumeMode == ConsumeMode.Pop ? ", popped" : "")}, batch {batch}{listening}", goal.Start, arguments.Messages, arguments.BodyLength);
        Console.WriteLine(report + types?.Report(arguments.Messages));
        await host.StopAsync();
        return 0;
    }
}

/// <summary>Counts messages; knows the moments of the first, of the last, and of the one from which on it is measured.</summary>
/// <param name="messages">How many there are.</param>
/// <param name="begin">Called where measuring begins.</param>
/// <param name="first">How many come before that; 0: it begins with the first message.</param>
internal sealed class Goal(long messages, Action begin, long first = 0)
{
    private readonly TaskCompletionSource<ProcessFigures> _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _seen;

    public Task<ProcessFigures> Reached => _reached.Task;

    public long Seen => Interlocked.Read(ref _seen);

    /// <summary>Where measuring begins.</summary>
    public ProcessFigures Start { get; private set; }

    public void Count(int more)
    {
        var seen = Interlocked.Add(ref _seen, more);
        if (seen > first && seen - more <= first)
        {
            Start = ProcessFigures.Now();
            begin();
        }

        // Of the last batch some may be beyond it.
        if (seen >= messages && seen - more < messages)
        {
            _reached.SetResult(ProcessFigures.Now());
        }
    }
}

[StatelessWorker]
internal sealed class CountingListener(Goal goal) : Grain, IConcurrentListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        goal.Count(messages.Count);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

/// <summary>Its messages' bytes are of a pool.</summary>
[StatelessWorker]
internal sealed class CountingLeasedListener(Goal goal) : Grain, ILeasedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(LeasedBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        goal.Count(messages.Count);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

[PreferLocalPlacement]
internal sealed class OrderlyCountingListener(Goal goal) : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        goal.Count(messages.Count);
        return ValueTask.FromResult(ConsumeOrderlyResult.Success);
    }
}

/// <summary>A grain for each key.</summary>
internal sealed class CountingKeyedListener(Goal goal) : Grain, IKeyOrderedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        goal.Count(messages.Count);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

internal static class BenchmarkSilo
{
    public static IHost Build<TListener, TState>(Arguments arguments, TState state, Action<ConsumerOptions> configure)
        where TListener : IMessageListener
        where TState : class
    {
        var builder = Host.CreateApplicationBuilder();

        // The last line of the output is the report.
        builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(state);
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering()
            .AddRocketMQ(rocketmq => rocketmq
                .UseNameServer(arguments.NameServer)
                .AddConsumer<TListener>($"benchmark_{Environment.TickCount64}", consumer => consumer
                    .Subscribe(arguments.Topic)
                    .Configure(configure))));
        return builder.Build();
    }
}
