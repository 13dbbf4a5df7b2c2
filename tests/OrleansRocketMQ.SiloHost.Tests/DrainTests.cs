using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

/// <summary>What a service manager or Kubernetes sees when it stops a host.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task Terminated_under_load_a_host_ends_well_and_the_next_one_goes_on_without_a_gap_or_a_duplicate()
    {
        const int Messages = 3000;
        await using var records = await Records.StartAsync();
        var sending = records.SendAsync(0, Messages);
        var (first, firstFile) = records.Start();
        await using var _ = first;
        await Eventually.TrueAsync(() => Records.Read(firstFile).Length > 200, () => $"the first host consumes. It printed:{Environment.NewLine}{first.Program.Everything}");

        first.Program.Terminate();

        Assert.True(await first.Program.UntilEndedAsync() == 0, first.Program.Everything);
        var before = Records.Read(firstFile);
        Assert.Equal(before.Length, records.Committed);
        await sending;
        var (second, secondFile) = records.Start();
        await using var __ = second;
        await Eventually.TrueAsync(
            () => records.Committed == Messages, () => $"the second host consumes the rest; committed is {records.Committed}. It printed:{Environment.NewLine}{second.Program.Everything}");
        Assert.InRange(before.Length, 200, Messages - 1);
        Assert.Equal(Enumerable.Range(0, Messages), before.Concat(Records.Read(secondFile)).Select(int.Parse).Order());
    }

    [Fact]
    public async Task A_second_signal_ends_a_host_at_once_whose_listener_hangs_and_the_message_comes_again()
    {
        await using var records = await Records.StartAsync();
        await records.SendAsync("hang");
        var (first, firstFile) = records.Start("--RocketMQ:ShutdownTimeout=00:00:25");
        await using var _ = first;
        await Eventually.TrueAsync(() => Records.Read(firstFile) is ["hangs"], () => $"it hangs. It printed:{Environment.NewLine}{first.Program.Everything}");

        first.Program.Terminate();
        await first.UntilItStopsAsync();
        first.Program.Terminate();

        Assert.Equal(1, await first.Program.UntilEndedAsync());
        Assert.Contains("ends at once", Assert.Single(first.Program.Errors), StringComparison.Ordinal);
        Assert.Equal(0, records.Committed);
        var (second, secondFile) = records.Start();
        await using var __ = second;
        await Eventually.TrueAsync(() => Records.Read(secondFile) is ["hangs"], "the message came again");
    }

    [Fact]
    public async Task While_it_drains_a_host_tells_metrics_and_that_it_lives_but_is_not_ready()
    {
        await using var records = await Records.StartAsync();
        await records.SendAsync("hang");
        var (host, file) = records.Start("--RocketMQ:ShutdownTimeout=00:00:25");
        await using var _ = host;
        await Eventually.TrueAsync(() => Records.Read(file) is ["hangs"], () => $"it hangs. It printed:{Environment.NewLine}{host.Program.Everything}");

        host.Program.Terminate();
        await host.UntilItStopsAsync();

        using var http = new HttpClient { BaseAddress = new Uri(host.Url) };
        using var ready = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.StartsWith("Healthy", await http.GetStringAsync(new Uri("/health/live", UriKind.Relative)), StringComparison.Ordinal);
        Assert.Contains(
            PrometheusParser.Parse(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Samples,
            sample => sample.Name.StartsWith("orleans_rocketmq_", StringComparison.Ordinal));
        Assert.Equal(["hangs"], Records.Read(file));
    }

    [Fact]
    public async Task While_it_waits_for_its_cluster_a_host_lives_and_says_that_it_is_not_ready()
    {
        using var hung = new TcpListener(IPAddress.Loopback, 0);
        hung.Start();
        await using var host = SiloHostProgram.Start($"--Orleans:PrimarySilo={hung.LocalEndpoint}");

        await host.UntilReadinessTellsAsync("the silo is not active in its cluster");

        using var http = new HttpClient { BaseAddress = new Uri(host.Url) };
        Assert.StartsWith("Healthy", await http.GetStringAsync(new Uri("/health/live", UriKind.Relative)), StringComparison.Ordinal);
        using var page = await http.GetAsync(new Uri("/dashboard/", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);

        // There is no grain to ask yet; to try would fill the log.
        using var status = await http.GetAsync(new Uri("/dashboard/api/status", UriKind.Relative));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status.StatusCode);
    }

    [Fact]
    public async Task A_listener_that_hangs_holds_up_a_stop_for_no_longer_than_it_may()
    {
        await using var records = await Records.StartAsync();
        await records.SendAsync("hang");
        var (host, file) = records.Start("--RocketMQ:ShutdownTimeout=00:00:01");
        await using var _ = host;
        await Eventually.TrueAsync(() => Records.Read(file) is ["hangs"], "it hangs");

        host.Program.Terminate();

        Assert.True(await host.Program.UntilEndedAsync() == 0, host.Program.Everything);
        Assert.Equal(0, records.Committed);
    }
}
