using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class FaultTests
{
    [Fact]
    public async Task An_answer_can_be_replaced_a_number_of_times_for_one_code()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        test.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy, "later") with { RequestCode = RequestCodes.SendMessageV2, Times = 2, Skip = 1 });

        (await client.SendAsync("orders", "1")).Succeeded();
        Assert.Equal("later", (await client.SendAsync("orders", "2")).FailedWith(ResponseCodes.SystemBusy).Remark);
        (await client.PullAsync("g", "orders", 0)).Succeeded();
        (await client.SendAsync("orders", "3")).FailedWith(ResponseCodes.SystemBusy);
        (await client.SendAsync("orders", "4")).Succeeded();

        Assert.Equal(["1", "4"], test.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task A_fault_lasts_until_it_is_removed_or_all_are_cleared()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        using (test.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy)))
        {
            (await client.SendAsync("orders", "x")).FailedWith(ResponseCodes.SystemBusy);
            (await client.SendAsync("orders", "x")).FailedWith(ResponseCodes.SystemBusy);
        }

        (await client.SendAsync("orders", "x")).Succeeded();
        test.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy));
        test.RocketMQ.Faults.Clear();
        (await client.SendAsync("orders", "x")).Succeeded();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_connection_can_be_closed_before_or_after_the_request_takes_effect(bool handleFirst)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        test.RocketMQ.Faults.Inject(Fault.CloseConnection() with { Times = 1, HandleFirst = handleFirst });

        await Assert.ThrowsAsync<RocketMQNetworkException>(() => client.SendAsync("orders", "x"));

        Assert.Equal(handleFirst ? 1 : 0, test.Broker.MaxOffset("orders", 0));
        (await (await test.ConnectAsync()).SendAsync("orders", "y")).Succeeded();
    }

    [Fact]
    public async Task An_answer_can_be_cut_in_two()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "x");
        test.RocketMQ.Faults.Inject(Fault.TruncateAnswer() with { RequestCode = RequestCodes.PullMessage });

        await Assert.ThrowsAsync<FrameFormatException>(() => client.PullAsync("g", "orders", 0));
    }

    [Fact]
    public async Task A_request_can_be_left_unanswered_or_answered_late()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        test.RocketMQ.Faults.Inject(Fault.NoAnswer() with { Times = 1 });
        test.RocketMQ.Faults.Inject(Fault.Delay(TimeSpan.FromSeconds(3)) with { Times = 1 });

        var never = client.SendAsync("orders", "never");
        var late = client.SendAsync("orders", "late");
        (await client.SendAsync("orders", "at once")).Succeeded();
        Assert.False(late.IsCompleted);
        test.Time.Advance(TimeSpan.FromSeconds(3));

        (await late.WithinDeadline()).Succeeded();
        Assert.False(never.IsCompleted);
        Assert.Equal(["at once", "late"], test.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task New_connections_can_be_refused_while_old_ones_stay()
    {
        await using var test = await TestBroker.StartAsync();
        var before = await test.ConnectAsync();
        using var fault = test.RocketMQ.Faults.Inject(Fault.RefuseConnections() with { Servers = FaultServers.Brokers });

        // Depending on who is quicker the reset ends the connecting or the connection.
        if (await Record.ExceptionAsync(async () => await (await test.ConnectAsync()).Closed.WithinDeadline()) is { } error)
        {
            Assert.IsType<System.Net.Sockets.SocketException>(error);
        }

        (await before.SendAsync("orders", "x")).Succeeded();
        (await (await test.ConnectToNameServerAsync()).InvokeAsync(RequestCodes.GetBrokerClusterInfo)).Succeeded();

        fault.Dispose();
        (await (await test.ConnectAsync()).SendAsync("orders", "x")).Succeeded();
    }

    [Fact]
    public async Task A_fault_can_be_meant_for_one_server_one_broker_or_one_client()
    {
        await using var test = await TestBroker.StartAsync();
        await test.RocketMQ.AddBrokerAsync("broker-b");
        var nameServer = await test.ConnectToNameServerAsync();
        var first = await test.ConnectAsync("first");
        var second = await test.ConnectAsync("second");
        await first.HeartbeatAsync("g");
        await second.HeartbeatAsync("g");

        using (test.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy) with { Servers = FaultServers.NameServer }))
        {
            (await nameServer.InvokeAsync(RequestCodes.GetBrokerClusterInfo)).FailedWith(ResponseCodes.SystemBusy);
            (await first.SendAsync("orders", "x")).Succeeded();
        }

        using (test.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy) with { BrokerName = "broker-b" }))
        {
            (await first.SendAsync("orders", "x")).Succeeded();
        }

        using (test.RocketMQ.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy) with { When = target => target.ClientId == "second" }))
        {
            (await first.SendAsync("orders", "x")).Succeeded();
            (await second.SendAsync("orders", "x")).FailedWith(ResponseCodes.SystemBusy);
        }
    }

    [Fact]
    public async Task Requests_are_counted_by_code_and_server()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        var nameServer = await test.ConnectToNameServerAsync();
        await client.SendAsync("orders", "x");
        await client.SendAsync("orders", "x");
        await nameServer.InvokeAsync(RequestCodes.GetRouteInfoByTopic, ("topic", "orders"));

        var faults = test.RocketMQ.Faults;
        Assert.Equal(2, faults.RequestsSeen(RequestCodes.SendMessageV2));
        Assert.Equal(2, faults.RequestsSeen(RequestCodes.SendMessageV2, "broker-a"));
        Assert.Equal(0, faults.RequestsSeen(RequestCodes.SendMessageV2, "name server"));
        Assert.Equal(1, faults.RequestsSeen(RequestCodes.GetRouteInfoByTopic));
        Assert.Equal(0, faults.RequestsSeen(RequestCodes.HeartBeat));
        Assert.Equal(2, faults.RequestsSeen().Count);
    }

    [Fact]
    public async Task Garbage_on_a_connection_ends_that_connection_only()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(System.Net.IPEndPoint.Parse(test.Broker.Address));
        await socket.GetStream().WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray());

        Assert.Equal(0, await socket.GetStream().ReadAsync(new byte[10]).AsTask().WithinDeadline());
        (await client.SendAsync("orders", "x")).Succeeded();
    }
}
