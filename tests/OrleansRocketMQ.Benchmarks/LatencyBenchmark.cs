using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Concurrency;
using Orleans.Placement;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// From the producer's call to the listener's, at a steady rate; both ends are in this process and share its clock. Told in
/// milliseconds, and as a multiple of a loopback round trip of the same time. <c>latency --rate 10000 --seconds 20 --mode orderly</c>, with
/// <c>--pop</c> popped, with <c>--java</c> to Java's consumer, which is another process with the same clock. Parts of the way: with
/// <c>--to answer</c> until the producer has the broker's answer, with <c>--to pull</c> until a pull without a silo has brought the message.
/// </summary>
internal static class LatencyBenchmark
{
    private const int LargestBatch = 500;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var rate = arguments.Number("rate", 10_000);
        var seconds = arguments.Number("seconds", 20);
        var warmUp = arguments.Number("warmup", 5);
        await using var client = Cluster.Connect(arguments.NameServer);
        var topic = $"latency_{Environment.TickCount64}";
        await Cluster.CreateTopicAsync(client, topic, arguments.Queues);
        var latencies = new Latencies();
        await using var producer = new Producer(client, new ProducerOptions { Group = "benchmark" }, NullLoggerFactory.Instance);
        Task<long> SendAsync(bool areAnswersMeasured = false) => LatencyBenchmark.SendAsync(
            producer, topic, rate, TimeSpan.FromSeconds(warmUp + seconds), arguments.BodyLength, TimeSpan.FromSeconds(warmUp), latencies, areAnswersMeasured);
        if (arguments["to"] is { } part)
        {
            using var pulls = part switch
            {
                "answer" => null,
                "pull" => await BarePulls.BeginAsync(client, topic, latencies),
                _ => throw new RocketMQValidationException("--to", part, "answer or pull"),
            };
            await ReportAsync($"latency to {part}", SendAsync(areAnswersMeasured: pulls is null));
            return 0;
        }

        if (arguments["java"] is { } program)
        {
            using var java = await JavaConsumer.StartLatencyAsync(client, program, arguments.NameServer, topic);
            var all = await SendAsync();
            Console.WriteLine(await java.ReportAsync(latencies.Begin, all));
            return 0;
        }

        var silo = Arguments.Parse([$"--nameserver={arguments.NameServer}", $"--topic={topic}"]);
        var mode = arguments["mode"] ?? "concurrent";
        void Configure(ConsumerOptions options) => options.ConsumeMode = arguments.ConsumeMode;
        using var host = mode switch
        {
            "concurrent" => BenchmarkSilo.Build<LatencyListener, Latencies>(silo, latencies, Configure),
            "orderly" => BenchmarkSilo.Build<OrderlyLatencyListener, Latencies>(silo, latencies, Configure),
            _ => throw new RocketMQValidationException("--mode", mode, "concurrent or orderly"),
        };
        await host.StartAsync();
        var status = host.Services.GetRequiredService<IRocketMQSiloStatus>();
        while (!status.Groups.Any(group => group.IsReady))
        {
            await Task.Delay(20);
        }

        await ReportAsync($"latency, {mode}", SendAsync());
        await host.StopAsync();
        return 0;

        async Task ReportAsync(string what, Task<long> sending)
        {
            using var roundTrips = RoundTrips.Begin();
            var sent = await sending;
            while (latencies.Count < sent)
            {
                await Task.Delay(10);
            }

            Console.WriteLine(latencies.Report($"{what}, at {rate} msg/s for {seconds} s", roundTrips.End()));
        }
    }

    private static async Task<long> SendAsync(
        Producer producer,
        string topic,
        int rate,
        TimeSpan duration,
        int bodyLength,
        TimeSpan warmUp,
        Latencies latencies,
        bool areAnswersMeasured)
    {
        var start = Stopwatch.GetTimestamp();
        latencies.Begin = start + (long)(warmUp.TotalSeconds * Stopwatch.Frequency);
        using var timer = new PeriodicTimer(Tick);
        var sent = 0L;
        var inFlight = new List<Task>();
        while (Stopwatch.GetElapsedTime(start) < duration && await timer.WaitForNextTickAsync())
        {
            var due = (long)(Stopwatch.GetElapsedTime(start).TotalSeconds * rate);
            inFlight.RemoveAll(task => task.IsCompletedSuccessfully);
            while (due > sent)
            {
                // A tick's messages go in one send, as a producer under load would do it; what a stall has left, in several.
                var batch = Enumerable.Range(0, (int)Math.Min(due - sent, LargestBatch)).Select(_ => NewMessage(topic, bodyLength)).ToArray();
                inFlight.Add(areAnswersMeasured ? AnsweredAsync(producer.SendAsync(batch), batch, latencies) : producer.SendAsync(batch));
                sent += batch.Length;
            }
        }

        await Task.WhenAll(inFlight);
        return sent;
    }

    private static async Task AnsweredAsync(Task sending, Message[] batch, Latencies latencies)
    {
        await sending;
        foreach (var message in batch)
        {
            latencies.Record(message.Body.Span);
        }
    }

    private static Message NewMessage(string topic, int length)
    {
        var body = new byte[length];
        BinaryPrimitives.WriteInt64LittleEndian(body, Stopwatch.GetTimestamp());
        return new Message(topic, body);
    }
}

/// <summary>Exact latencies, those of the warm-up left out.</summary>
internal sealed class Latencies
{
    private readonly List<double> _milliseconds = new(1_000_000);
    private long _count;

    public long Begin { get; set; }

    public long Count => Interlocked.Read(ref _count);

    public void Record(ReadOnlySpan<byte> body)
    {
        var sentAt = BinaryPrimitives.ReadInt64LittleEndian(body);
        var latency = Stopwatch.GetElapsedTime(sentAt).TotalMilliseconds;
        lock (_milliseconds)
        {
            _count++;
            if (sentAt >= Begin)
            {
                _milliseconds.Add(latency);
            }
        }
    }

    /// <param name="what">What was measured.</param>
    /// <param name="roundTrip">The median of a loopback round trip meanwhile, in milliseconds.</param>
    public string Report(string what, double roundTrip)
    {
        lock (_milliseconds)
        {
            _milliseconds.Sort();
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: p50 {At(0.5):0.00} ms | p99 {At(0.99):0.00} ms | p99.9 {At(0.999):0.00} ms | max {_milliseconds[^1]:0.00} ms | "
                + $"round trip {roundTrip:0.000} ms, p50 {At(0.5) / roundTrip:0.0} and p99 {At(0.99) / roundTrip:0.0} of them | {_milliseconds.Count} messages");
        }
    }

    private double At(double share) => _milliseconds[(int)Math.Min(_milliseconds.Count - 1, _milliseconds.Count * share)];
}

[StatelessWorker]
internal sealed class LatencyListener(Latencies latencies) : Grain, IConcurrentListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            latencies.Record(message.Body.Span);
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

[PreferLocalPlacement]
internal sealed class OrderlyLatencyListener(Latencies latencies) : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            latencies.Record(message.Body.Span);
        }

        return ValueTask.FromResult(ConsumeOrderlyResult.Success);
    }
}
