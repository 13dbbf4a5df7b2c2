using System.Net;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Security;

/// <summary>Where silo-host listens: what docs/security.md says of it, held against the sockets of the process.</summary>
public sealed class ListeningTests
{
    [Fact]
    public async Task With_its_embedded_broker_it_listens_on_loopback_alone_at_five_ports()
    {
        var ports = FreePorts.Take(2);
        await using var host = SiloHostProgram.Start([$"--Embedded:NameServerPort={ports[0]}", $"--Embedded:BrokerPort={ports[1]}"]);
        await host.UntilReadinessTellsAsync("Healthy");

        AssertLoopback([new Uri(host.Url).Port, host.SiloPort, host.GatewayPort, ports[0], ports[1]], host);
    }

    [Fact]
    public async Task With_a_name_server_of_somebody_else_it_listens_for_the_web_for_silos_and_for_clients()
    {
        await using var embedded = await EmbeddedRocketMQ.StartAsync();
        await using var host = SiloHostProgram.Start([$"--RocketMQ:NameServer={embedded.NameServerAddress}"]);
        await host.UntilReadinessTellsAsync("Healthy");

        AssertLoopback([new Uri(host.Url).Port, host.SiloPort, host.GatewayPort], host);
    }

    private static void AssertLoopback(int[] ports, SiloHostProgram host)
    {
        var listening = ProcessSockets.ListeningOf(host.Program.Id);
        Assert.All(listening, endpoint => Assert.True(IPAddress.IsLoopback(endpoint.Address), $"{endpoint} is for others, too"));
        Assert.Equal(ports.Order(), listening.Select(endpoint => endpoint.Port));
    }
}
