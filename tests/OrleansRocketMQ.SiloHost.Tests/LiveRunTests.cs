using System.Net;
using OrleansRocketMQ.SiloHost.Support;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.SiloHost;

public sealed class LiveRunTests
{
    [Fact]
    public async Task Without_settings_messages_flow_health_is_told_and_an_interrupt_ends_it_well()
    {
        await using var host = SiloHostProgram.Start();
        using var http = new HttpClient { BaseAddress = new Uri(host.Url) };

        await Eventually.TrueAsync(
            () => IsOkAsync(http, "/health/ready"),
            () => $"{host.Url}/health/ready says yes. The host printed:{Environment.NewLine}{host.Program.Everything}");
        Assert.True(await IsOkAsync(http, "/health/live"));
        Assert.Equal("Healthy: 9 queues run here\n", await http.GetStringAsync(new Uri("/health/ready", UriKind.Relative)));
        var line = await host.Program.UntilPrintedAsync("| 8 queues here");
        Assert.Matches(@"^ *\d+ msg/s \| sent \d+ \| consumed \d+ \| lag (\d+|\?) \| 8 queues here \| p99 ", line);

        host.Program.Interrupt();

        Assert.True(await host.Program.UntilEndedAsync() == 0, host.Program.Everything);
        Assert.StartsWith("stopped; this host sent ", host.Program.Output[^1], StringComparison.Ordinal);
    }

    /// <summary>What it prints goes to a device that is always full, as a log's disk may be.</summary>
    [Fact]
    public async Task A_host_whose_output_cannot_be_written_consumes_and_stops_as_any_other()
    {
        await using var host = SiloHostProgram.StartWithOutputTo("/dev/full");
        using var http = new HttpClient { BaseAddress = new Uri(host.Url) };

        await Eventually.TrueAsync(() => IsOkAsync(http, "/health/ready"), () => $"it is ready. It said:{Environment.NewLine}{host.Program.Everything}");
        var before = await ConsumedAsync(http);
        await Eventually.TrueAsync(async () => await ConsumedAsync(http) > before + 3000, "the demo's messages go on for seconds");
        host.Program.Interrupt();

        Assert.Equal(0, await host.Program.UntilEndedAsync());
    }

    [Fact]
    public async Task It_lives_but_is_not_ready_while_its_cluster_is_away()
    {
        var nowhere = $"127.0.0.1:{FreePorts.Take(1)[0]}";
        await using var host = SiloHostProgram.Start($"--RocketMQ:NameServer={nowhere}");
        using var http = new HttpClient { BaseAddress = new Uri(host.Url) };
        await Eventually.TrueAsync(() => IsOkAsync(http, "/health/live"), "it lives");

        var answer = string.Empty;
        await Eventually.TrueAsync(
            async () =>
            {
                using var response = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
                answer = await response.Content.ReadAsStringAsync();
                return response.StatusCode == HttpStatusCode.ServiceUnavailable && answer.Contains($"name server {nowhere} has not answered for", StringComparison.Ordinal);
            },
            () => $"it says why it is not ready; it says: {answer}");
    }

    private static async Task<double> ConsumedAsync(HttpClient http)
        => PrometheusParser.Parse(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Sum("messaging_client_consumed_messages_total");

    private static async Task<bool> IsOkAsync(HttpClient http, string path)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(path, UriKind.Relative));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // Not up yet.
        }
    }
}
