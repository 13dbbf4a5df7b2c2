using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

public sealed class OrdersSampleTests
{
    [Fact]
    public async Task Orders_are_shipped_retried_or_filed_as_dead_and_a_client_sees_the_group()
    {
        var ports = FreePorts.Take(2);
        await using var orders = RunningProgram.Start(
            "Orders", ["--stay", $"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}"]);

        await orders.UntilPrintedAsync("19 orders shipped, 2 of them after a retry; 1 in the dead-letter topic");
        await orders.UntilPrintedAsync("order 13: dead letter in %DLQ%orders");
        await orders.UntilPrintedAsync("the silo stays");

        await using (var client = RunningProgram.Start("Orders.Client", ["orders", $"--Orleans:GatewayPort={ports[1]}"]))
        {
            Assert.True(await client.UntilEndedAsync() == 0, client.Everything);
            Assert.StartsWith("group orders: 1 member(s), lag 0", client.Output[0], StringComparison.Ordinal);
            Assert.Equal(4, client.Output.Count(line => line.StartsWith("Orders ", StringComparison.Ordinal)));
        }

        await using (var client = RunningProgram.Start("Orders.Client", ["no-such-group", $"--Orleans:GatewayPort={ports[1]}"]))
        {
            Assert.Equal(1, await client.UntilEndedAsync());
            Assert.Contains("no-such-group", Assert.Single(client.Errors), StringComparison.Ordinal);
        }

        orders.Interrupt();
        Assert.True(await orders.UntilEndedAsync() == 0, orders.Everything);
    }

    [Fact]
    public async Task Orders_ends_by_itself()
    {
        var ports = FreePorts.Take(2);
        await using var orders = RunningProgram.Start(
            "Orders", [$"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}"]);

        Assert.True(await orders.UntilEndedAsync() == 0, orders.Everything);
    }

    [Fact]
    public async Task A_client_says_when_no_silo_answers()
    {
        await using var client = RunningProgram.Start("Orders.Client", [$"--Orleans:GatewayPort={FreePorts.Take(1)[0]}"]);

        Assert.Equal(1, await client.UntilEndedAsync());
        Assert.StartsWith("No silo answers", Assert.Single(client.Errors), StringComparison.Ordinal);
    }
}
