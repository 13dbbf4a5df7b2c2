namespace OrleansRocketMQ.Samples.Tests;

public sealed class OrdersTests
{
    [Fact]
    public async Task Orders_handles_retries_and_gives_up_and_its_client_is_told_the_groups_state()
    {
        var gateway = SampleProcess.FreePort();
        using var orders = SampleProcess.Start("Orders", "--stay", $"--SiloPort={SampleProcess.FreePort()}", $"--GatewayPort={gateway}");
        await orders.SaysAsync("done      6 handled, 4 failures, 1 dead letter");
        await orders.SaysAsync("staying");

        using var client = SampleProcess.Start("Orders.Client", $"--GatewayPort={gateway}");

        Assert.True(await client.ExitCodeAsync() == 0, client.Output);
        Assert.Contains("group orders-handling: 1 member(s), 5 queues, lag 0", client.Output, StringComparison.Ordinal);
        Assert.Contains("%RETRY%orders-handling broker-a/0", client.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Orders_ends_by_itself()
    {
        using var orders = SampleProcess.Start("Orders", $"--SiloPort={SampleProcess.FreePort()}", $"--GatewayPort={SampleProcess.FreePort()}");

        Assert.True(await orders.ExitCodeAsync() == 0, orders.Output);
    }
}
