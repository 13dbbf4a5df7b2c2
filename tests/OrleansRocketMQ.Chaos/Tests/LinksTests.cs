using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>Links do to connections what faults say.</summary>
public sealed class LinksTests : IAsyncLifetime
{
    private readonly Links _links = new();
    private readonly TcpListener _server = new(Links.Real, FreePorts.Take(1)[0]);
    private readonly TcpClient _client = new();
    private TcpClient _served = null!;

    private int Port => ((IPEndPoint)_server.LocalEndpoint).Port;

    public async Task InitializeAsync()
    {
        _server.Start();
        _links.Processes[Environment.ProcessId] = true;
        _links.Open(Port);
        await _client.ConnectAsync(Links.Told, Port);
        _served = await _server.AcceptTcpClientAsync();
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        _served.Dispose();
        _server.Dispose();
        await _links.DisposeAsync();
    }

    [Fact]
    public async Task Bytes_get_through_and_are_known_by_whose_they_are_and_where_they_go()
    {
        _links.Begin(new(Harm.Silent, flow => flow.Process != Environment.ProcessId || flow.Port != Port));

        await SayAsync(_client, 7);

        Assert.Equal(7, await HearAsync(_served));
        Assert.Equal(0, _links.Struck);
    }

    [Fact]
    public async Task What_is_dropped_one_way_waits_until_it_is_over_and_the_other_way_gets_through()
    {
        var oneWay = new Disturbance(Harm.Silent, flow => flow.IsOutward);
        _links.Begin(oneWay);
        await SayAsync(_client, 1);
        await Eventually.TrueAsync(() => _links.Struck > 0, "it is held back");

        await SayAsync(_served, 2);
        Assert.Equal(2, await HearAsync(_client));
        Assert.Equal(0, _served.Available);

        _links.End(oneWay);
        Assert.Equal(1, await HearAsync(_served));
    }

    [Fact]
    public async Task What_is_cut_ends_at_both_ends_and_a_new_connection_ends_as_well()
    {
        _links.Begin(new(Harm.Cut, flow => flow.Port == Port));

        Assert.Equal(-1, await HearAsync(_client));
        Assert.Equal(-1, await HearAsync(_served));
        using var again = new TcpClient();
        await again.ConnectAsync(Links.Told, Port);
        Assert.Equal(-1, await HearAsync(again));
    }

    [Fact]
    public async Task Half_dead_connections_take_bytes_and_stay_so_when_all_is_well_again()
    {
        _links.Begin(new(Harm.HalfDead, _ => true));
        await Eventually.TrueAsync(() => _links.Struck > 0, "it is half-dead");
        await SayAsync(_client, 1);
        _links.Heal();
        await SayAsync(_client, 2);

        using var again = new TcpClient();
        await again.ConnectAsync(Links.Told, Port);
        using var served = await _server.AcceptTcpClientAsync();
        await SayAsync(again, 3);

        Assert.Equal(3, await HearAsync(served));
        Assert.Equal(0, _served.Available);
    }

    [Fact]
    public void A_silo_that_is_isolated_neither_reaches_others_nor_is_reached_and_reaches_brokers_and_store()
    {
        var isolated = Of(new Fault(FaultKind.IsolateSilo, default, default, 0, 0));

        Assert.True(isolated.Hits(new(Process: 1, Port: 20, IsOutward: true)));
        Assert.True(isolated.Hits(new(2, 10, IsOutward: false)));
        Assert.False(isolated.Hits(new(2, 30, IsOutward: true)));
        Assert.False(isolated.Hits(new(1, 50, IsOutward: true)));
        Assert.False(isolated.Hits(new(1, 60, IsOutward: true)));
    }

    [Fact]
    public void What_one_silo_says_to_another_goes_over_connections_of_either()
    {
        var oneWay = Of(new Fault(FaultKind.PartitionOneWay, default, default, 0, 0));

        Assert.True(oneWay.Hits(new(Process: 1, Port: 20, IsOutward: true)));
        Assert.True(oneWay.Hits(new(2, 10, IsOutward: false)));
        Assert.False(oneWay.Hits(new(1, 20, IsOutward: false)));
        Assert.False(oneWay.Hits(new(2, 10, IsOutward: true)));
        Assert.False(oneWay.Hits(new(1, 30, IsOutward: true)));
    }

    /// <summary>At silo 1 of three, whose ports are 10, 20 and 30; brokers are at 50, the store at 60.</summary>
    private static Disturbance Of(Fault fault)
        => LinkFaults.Of(fault, new(1, 10), [new(2, 20), new(3, 30)], new(NameServer: 40, NameServerAndBrokers: [40, 50], Store: 60))!;

    private static async Task SayAsync(TcpClient client, byte what) => await client.GetStream().WriteAsync(new[] { what });

    /// <returns>What was said; less than zero: the connection has ended.</returns>
    private static async Task<int> HearAsync(TcpClient client)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var heard = new byte[1];
        try
        {
            return await client.GetStream().ReadAsync(heard, deadline.Token) == 0 ? -1 : heard[0];
        }
        catch (IOException)
        {
            return -1;
        }
    }
}
