using System.Diagnostics.Metrics;
using System.Net;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What counting costs per message: the counters of a queue are told of run after run, as dispatchers do. Messages of one
/// millisecond are as many as at 100,000 a second. Without a meter, with one nobody listens to, and with one somebody does.
/// </summary>
public class StatisticsBenchmark
{
    private const int Rate = 100_000;
    private const int Messages = 6400;
    private MessageExt[][] _runs = [];
    private ServiceProvider? _services;
    private RocketMQMetrics? _metrics;
    private IDisposable? _listener;
    private QueueStatistics? _statistics;
    private long _counted;

    [Params(1, 8, 64)]
    public int AdaptiveBatchSizer { get; set; }

    [Params("none", "nobody listens", "somebody listens")]
    public string Meter { get; set; } = "none";

    [GlobalSetup]
    public void Start()
    {
        _runs = Runs(AdaptiveBatchSizer);
        _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        _metrics = Meter == "none" ? null : new RocketMQMetrics(_services.GetRequiredService<IMeterFactory>(), new ConsumerRegistry());
        _listener = Meter == "somebody listens" ? TelemetryListeners.ToMetrics() : null;
        _statistics = new QueueStatistics(
            TimeProvider.System, _metrics is null ? null : new QueueMetrics(_metrics, "group", new MessageQueue("benchmark", "broker-a", 0)));
    }

    [GlobalCleanup]
    public void Stop()
    {
        _listener?.Dispose();
        _services?.Dispose();
        if (_statistics!.Totals().Consumed != _counted)
        {
            throw new InvalidOperationException("Messages were lost.");
        }
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public void Count()
    {
        foreach (var run in _runs)
        {
            _statistics!.Count(run, 0, TimeSpan.FromTicks(run.Length));
            // Told by whoever calls the listener, once for each call: here a call is a message.
            for (var call = 0; _metrics is not null && call < run.Length; call++)
            {
                _metrics.Processed("group", "benchmark", TimeSpan.FromTicks(1), errorType: null);
            }
        }

        _counted += Messages;
    }

    private static MessageExt[][] Runs(int length)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        return
        [
            .. Enumerable.Range(0, Messages).Select(offset => MessageDecoder.DecodeAll(
                new StoredMessage
                {
                    Topic = "benchmark",
                    Body = new byte[64],
                    QueueOffset = offset,
                    BornTimestamp = now + (offset / (Rate / 1000)),
                    BornHost = new IPEndPoint(IPAddress.Loopback, 50000),
                    StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
                }.Encode(),
                "broker-a")[0]).Chunk(length),
        ];
    }
}
