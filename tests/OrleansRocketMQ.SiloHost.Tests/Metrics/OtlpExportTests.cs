using System.Collections.Concurrent;
using System.Net;
using System.Text;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Metrics;

/// <summary>With OpenTelemetry's own settings the host sends metrics and traces to a collector.</summary>
public sealed class OtlpExportTests
{
    [Fact]
    public async Task Metrics_and_traces_reach_the_collector_the_environment_names()
    {
        await using var collector = Collector.Start();
        await using var host = SiloHostProgram.Start(
            ["--Demo:Messages=50"],
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Address),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_SERVICE_NAME", "billing-silo"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500"));

        Assert.True(await host.Program.UntilEndedAsync() == 0, host.Program.Everything);

        // Protocol buffers keep their texts as they are.
        var metrics = collector.Received("/v1/metrics");
        Assert.Contains(metrics, body => body.Contains("messaging.client.consumed.messages", StringComparison.Ordinal) && body.Contains("OrleansRocketMQ_Demo", StringComparison.Ordinal));
        var traces = collector.Received("/v1/traces");
        Assert.Contains(traces, body => body.Contains("process OrleansRocketMQ_Demo", StringComparison.Ordinal));
        Assert.Contains(traces, body => body.Contains("send OrleansRocketMQ_Demo", StringComparison.Ordinal));
        Assert.All(metrics.Concat(traces), body => Assert.Contains("billing-silo", body, StringComparison.Ordinal));
        Assert.All(collector.ContentTypes, type => Assert.Equal("application/x-protobuf", type));
    }

    [Fact]
    public async Task A_collector_that_is_away_holds_up_nothing()
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync("--Demo:Messages=50", $"--OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{FreePorts.Take(1)[0]}", "--OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf");

        Assert.True(exitCode == 0, program.Everything);
    }

    [Fact]
    public async Task An_address_that_is_none_is_named()
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync("--OTEL_EXPORTER_OTLP_ENDPOINT=collector");

        Assert.NotEqual(0, exitCode);
        var error = Assert.Single(program.Errors);
        Assert.Contains("OTEL_EXPORTER_OTLP_ENDPOINT", error, StringComparison.Ordinal);
        Assert.Contains("collector", error, StringComparison.Ordinal);
    }

    /// <summary>An OpenTelemetry collector that keeps what it gets.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly HttpListener _http = new();
        private readonly ConcurrentQueue<(string Path, string? ContentType, string Body)> _received = new();
        private Task _serving = Task.CompletedTask;

        private Collector(string address)
        {
            Address = address;
            _http.Prefixes.Add($"{address}/");
        }

        public string Address { get; }

        public IEnumerable<string?> ContentTypes => _received.Select(request => request.ContentType);

        public static Collector Start()
        {
            var collector = new Collector($"http://127.0.0.1:{FreePorts.Take(1)[0]}");
            collector._http.Start();
            collector._serving = collector.ServeAsync();
            return collector;
        }

        public IReadOnlyList<string> Received(string path) => [.. _received.Where(request => request.Path == path).Select(request => request.Body)];

        public async ValueTask DisposeAsync()
        {
            _http.Stop();
            await _serving;
            _http.Close();
        }

        private async Task ServeAsync()
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = await _http.GetContextAsync();
                }
                catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException or InvalidOperationException)
                {
                    return;
                }

                using var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body);
                _received.Enqueue((context.Request.Url!.AbsolutePath, context.Request.ContentType, Encoding.UTF8.GetString(body.ToArray())));
                context.Response.ContentType = "application/x-protobuf";
                context.Response.Close();
            }
        }
    }
}
