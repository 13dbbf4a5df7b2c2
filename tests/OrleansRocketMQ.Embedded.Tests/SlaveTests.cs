using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>A master and its slave, as clients see them.</summary>
public class SlaveTests
{
    private const PullSysFlag Suspend = PullSysFlag.Suspend;

    [Fact]
    public async Task Routes_name_master_and_slave_and_what_is_left_of_them()
    {
        await using var test = await StartAsync();
        var slave = Assert.Single(test.Broker.Slaves);
        var second = await test.Broker.AddSlaveAsync();
        var client = await test.ConnectToNameServerAsync();

        Assert.Equal((1, 2), (slave.BrokerId, second.BrokerId));
        Assert.Equal(Addresses((0, test.Broker.Address), (1, slave.Address), (2, second.Address)), await AddressesAsync(client));

        await test.Broker.StopAsync();
        Assert.Equal(Addresses((1, slave.Address), (2, second.Address)), await AddressesAsync(client));

        await test.Broker.StartAsync();
        await slave.StopAsync();
        await second.StopAsync(unregister: false);
        Assert.Equal(Addresses((0, test.Broker.Address), (2, second.Address)), await AddressesAsync(client));

        await slave.StartAsync();
        Assert.True(slave.IsRunning);
        Assert.False(second.IsRunning);
        Assert.Equal(Addresses((0, test.Broker.Address), (1, slave.Address), (2, second.Address)), await AddressesAsync(client));
    }

    [Fact]
    public async Task The_list_of_brokers_has_all_members_of_a_set()
    {
        await using var test = await StartAsync();
        var client = await test.ConnectToNameServerAsync();

        var info = (await client.InvokeAsync(RequestCodes.GetBrokerClusterInfo)).Succeeded().Json();

        var addresses = info.GetProperty("brokerAddrTable").GetProperty("broker-a").GetProperty("brokerAddrs");
        Assert.Equal(test.Broker.Address, addresses.GetProperty("0").GetString());
        Assert.Equal(test.Broker.Slaves[0].Address, addresses.GetProperty("1").GetString());
        Assert.Equal(1, info.GetProperty("clusterAddrTable").GetProperty("DefaultCluster").GetArrayLength());
    }

    [Fact]
    public async Task A_slave_has_what_the_master_stores_also_when_that_is_gone()
    {
        await using var test = await StartAsync();
        await (await test.ConnectAsync()).SendAsync("orders", "one");
        var client = await test.ConnectAsync(test.Broker.Slaves[0]);
        Assert.Equal(["one"], (await client.PullAsync("g", "orders", 0)).Succeeded().Bodies());

        await test.Broker.StopAsync();

        var pulled = (await client.PullAsync("g", "orders", 0)).Succeeded();
        Assert.Equal(["one"], pulled.Bodies());
        Assert.Equal(1, pulled.GetInt64("nextBeginOffset"));
        Assert.Equal(1, (await OffsetAsync(client, RequestCodes.GetMaxOffset)).GetInt64("offset"));
        Assert.Equal(0, (await OffsetAsync(client, RequestCodes.GetMinOffset)).GetInt64("offset"));
        var message = Assert.Single(pulled.Messages());
        Assert.Equal("one", MessageDecoder.DecodeAll((await client.InvokeAsync(RequestCodes.ViewMessageById, ("offset", message.CommitLogOffset))).Succeeded().Body, "broker-a")[0].Text());
        var later = message.StoreTimestamp + 1;
        Assert.Equal(1, (await client.InvokeAsync(RequestCodes.SearchOffsetByTimestamp, ("topic", "orders"), ("queueId", 0), ("timestamp", later))).Succeeded().GetInt64("offset"));
    }

    [Fact]
    public async Task A_slave_sends_everybody_who_is_not_far_behind_to_the_master_and_lets_nobody_wait()
    {
        await using var test = await StartAsync();
        await (await test.ConnectAsync()).SendAsync("orders", "one");
        var client = await test.ConnectAsync(test.Broker.Slaves[0]);

        var found = (await client.PullAsync("g", "orders", 0)).Succeeded();
        Assert.Equal(0, found.GetInt64("suggestWhichBrokerId"));

        // A master would keep this pull for 15 s, and correct the offset of that one.
        foreach (var (offset, remark) in new[] { (1L, "OFFSET_OVERFLOW_ONE"), (7L, "OFFSET_OVERFLOW_BADLY"), (-1L, "OFFSET_TOO_SMALL") })
        {
            var nothing = (await client.PullAsync("g", "orders", offset, flags: Suspend, suspendMillis: 15_000)).FailedWith(ResponseCodes.PullRetryImmediately);
            Assert.Equal(remark, nothing.Remark);
            Assert.Equal(offset, nothing.GetInt64("nextBeginOffset"));
            Assert.Equal(0, nothing.GetInt64("suggestWhichBrokerId"));
        }
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async Task Who_is_far_behind_is_sent_to_the_slave_if_that_may_be_read(bool slaveReadEnable, long suggested)
    {
        await using var test = await StartAsync(options => options with { SlaveReadEnable = slaveReadEnable, SlowReadBytes = 2000 });
        var master = await test.ConnectAsync();
        for (var number = 0; number < 10; number++)
        {
            await master.SendBytesAsync("orders", new byte[400]);
        }

        Assert.Equal(suggested, (await master.PullAsync("g", "orders", 0, max: 1)).Succeeded().GetInt64("suggestWhichBrokerId"));
        Assert.Equal(0, (await master.PullAsync("g", "orders", 9, max: 1)).Succeeded().GetInt64("suggestWhichBrokerId"));
        if (slaveReadEnable)
        {
            var slave = await test.ConnectAsync(test.Broker.Slaves[0]);
            Assert.Equal(1, (await slave.PullAsync("g", "orders", 0, max: 1)).Succeeded().GetInt64("suggestWhichBrokerId"));
            Assert.Equal(0, (await slave.PullAsync("g", "orders", 9, max: 1)).Succeeded().GetInt64("suggestWhichBrokerId"));
        }
    }

    [Fact]
    public async Task A_groups_own_choice_of_brokers_is_suggested()
    {
        await using var test = await StartAsync(options => options with { SlowReadBytes = 2000 });
        var master = await test.ConnectAsync();
        for (var number = 0; number < 10; number++)
        {
            await master.SendBytesAsync("orders", new byte[400]);
        }

        var config = "{\"groupName\":\"g\",\"brokerId\":3,\"whichBrokerWhenConsumeSlowly\":2}"u8.ToArray();
        (await master.InvokeAsync(RequestCodes.UpdateAndCreateSubscriptionGroup, config)).Succeeded();

        Assert.Equal(2, (await master.PullAsync("g", "orders", 0, max: 1)).Succeeded().GetInt64("suggestWhichBrokerId"));
        Assert.Equal(3, (await master.PullAsync("g", "orders", 9, max: 1)).Succeeded().GetInt64("suggestWhichBrokerId"));
    }

    [Fact]
    public async Task A_slave_that_may_not_be_read_says_it_is_busy()
    {
        await using var test = await StartAsync(options => options with { SlaveReadEnable = false });
        await (await test.ConnectAsync()).SendAsync("orders", "one");
        var client = await test.ConnectAsync(test.Broker.Slaves[0]);

        var refused = (await client.PullAsync("g", "orders", 0)).FailedWith(ResponseCodes.SystemBusy);

        Assert.Equal("[REJECTREQUEST]system busy, start flow control for a while", refused.Remark);
    }

    [Fact]
    public async Task A_slave_stores_nothing()
    {
        await using var test = await StartAsync();
        await (await test.ConnectAsync()).SendAsync("orders", "one");
        var client = await test.ConnectAsync(test.Broker.Slaves[0]);

        (await client.SendAsync("orders", "two")).FailedWith(ResponseCodes.ServiceNotAvailable);
        (await client.SendBatchAsync("orders", [new Message("orders", "two"u8.ToArray())])).FailedWith(ResponseCodes.ServiceNotAvailable);
        var sentBack = await client.InvokeAsync(RequestCodes.ConsumerSendMessageBack, ("group", "g"), ("offset", 0), ("delayLevel", 0), ("originMsgId", "x"), ("originTopic", "orders"));
        Assert.Equal("no master available along with 127.0.0.1", sentBack.FailedWith(ResponseCodes.SystemError).Remark);
        (await client.InvokeAsync(RequestCodes.EndTransaction, ("producerGroup", "p"), ("tranStateTableOffset", 0), ("commitLogOffset", 0), ("commitOrRollback", 8)))
            .FailedWith(ResponseCodes.SlaveNotAvailable);

        Assert.Equal(1, test.Broker.MaxOffset("orders", 0));
    }

    [Fact]
    public async Task A_slave_that_replicates_nothing_falls_behind_and_catches_up()
    {
        await using var test = await StartAsync();
        var slave = test.Broker.Slaves[0];
        var master = await test.ConnectAsync();
        await master.SendAsync("orders", "one");
        slave.PauseReplication();
        await master.SendAsync("orders", "two");
        await master.SendAsync("news", "first");
        var client = await test.ConnectAsync(slave);

        Assert.Equal((1, 2), (slave.MaxOffset("orders", 0), test.Broker.MaxOffset("orders", 0)));
        Assert.Equal(0, slave.MaxOffset("news", 0));
        Assert.True(slave.BytesBehind > 0);
        Assert.Equal(["one"], (await client.PullAsync("g", "orders", 0)).Succeeded().Bodies());
        (await client.PullAsync("g", "orders", 1)).FailedWith(ResponseCodes.PullRetryImmediately);
        (await client.PullAsync("g", "news", 0)).FailedWith(ResponseCodes.PullRetryImmediately);
        Assert.Equal(1, (await OffsetAsync(client, RequestCodes.GetMaxOffset)).GetInt64("offset"));

        slave.ResumeReplication();

        Assert.Equal(0, slave.BytesBehind);
        Assert.Equal(["two"], (await client.PullAsync("g", "orders", 1)).Succeeded().Bodies());
        Assert.Equal(["first"], (await client.PullAsync("g", "news", 0)).Succeeded().Bodies());
    }

    [Fact]
    public async Task A_slave_takes_the_masters_offsets_over_as_long_as_there_is_a_master()
    {
        await using var test = await StartAsync();
        var slave = test.Broker.Slaves[0];
        var master = await test.ConnectAsync();
        await master.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await master.SendAsync("orders", "one");
        (await CommitAsync(master, 1)).Succeeded();
        Assert.Null(slave.CommittedOffset("g", "orders", 0));

        test.Time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(1, slave.CommittedOffset("g", "orders", 0));

        await test.Broker.StopAsync();
        var client = await test.ConnectAsync(slave);
        (await CommitAsync(client, 5)).Succeeded();
        test.Time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(5, (await client.InvokeAsync(RequestCodes.QueryConsumerOffset, ("consumerGroup", "g"), ("topic", "orders"), ("queueId", 0))).Succeeded().GetInt64("offset"));
        Assert.Equal(1, test.Broker.CommittedOffset("g", "orders", 0));

        await test.Broker.StartAsync();
        test.Time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(1, slave.CommittedOffset("g", "orders", 0));
    }

    [Fact]
    public async Task A_slave_knows_members_and_locks_by_itself()
    {
        await using var test = await StartAsync();
        var slave = test.Broker.Slaves[0];
        var client = await test.ConnectAsync(slave);

        (await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"))).Succeeded();

        Assert.Equal([client.ClientId], slave.ClientsOf("g"));
        Assert.Empty(test.Broker.ClientsOf("g"));
        Assert.Contains(client.ClientId, (await client.InvokeAsync(RequestCodes.GetConsumerListByGroup, ("consumerGroup", "g"))).Succeeded().BodyText(), StringComparison.Ordinal);
        await client.DisposeAsync();
        await Eventually.TrueAsync(() => slave.ClientsOf("g").Count == 0);
    }

    private static Task<TestBroker> StartAsync(Func<EmbeddedRocketMQOptions, EmbeddedRocketMQOptions>? change = null) => TestBroker.StartAsync(options =>
    {
        var withSlave = options with { Slaves = 1, SlaveReadEnable = true };
        return change?.Invoke(withSlave) ?? withSlave;
    });

    private static async Task<string> AddressesAsync(TestClient nameServer)
    {
        var route = (await nameServer.InvokeAsync(RequestCodes.GetRouteInfoByTopic, ("topic", "TBW102"))).Succeeded();
        var set = Assert.Single(TolerantJson.Read(route.Body.Span, ProtocolJson.Default.TopicRouteData).BrokerDatas);
        return Addresses([.. set.BrokerAddrs.OrderBy(member => member.Key).Select(member => (member.Key, member.Value))]);
    }

    private static string Addresses(params (long Id, string Address)[] members) => string.Join(' ', members.Select(member => $"{member.Id}={member.Address}"));

    private static async Task<RemotingCommand> OffsetAsync(TestClient client, int code)
        => (await client.InvokeAsync(code, ("topic", "orders"), ("queueId", 0))).Succeeded();

    private static Task<RemotingCommand> CommitAsync(TestClient client, long offset)
        => client.InvokeAsync(RequestCodes.UpdateConsumerOffset, ("consumerGroup", "g"), ("topic", "orders"), ("queueId", 0), ("commitOffset", offset));
}
