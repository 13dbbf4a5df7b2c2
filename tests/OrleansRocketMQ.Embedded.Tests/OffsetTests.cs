using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class OffsetTests
{
    [Fact]
    public async Task A_committed_offset_is_found_again_be_it_less_than_before()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));

        foreach (var offset in new[] { 12, 5 })
        {
            (await CommitAsync(client, "g", "orders", 1, offset)).Succeeded();
            Assert.Equal($"{offset}", (await QueryAsync(client, "g", "orders", 1)).Succeeded()["offset"]);
            Assert.Equal(offset, test.Broker.CommittedOffset("g", "orders", 1));
        }

        Assert.Null(test.Broker.CommittedOffset("g", "orders", 0));
    }

    [Fact]
    public async Task Commits_for_unknown_groups_and_topics_and_without_fields_are_refused()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();

        Assert.Equal("Group g not exist!", (await CommitAsync(client, "g", "orders", 0, 1)).FailedWith(ResponseCodes.SubscriptionGroupNotExist).Remark);
        await client.HeartbeatAsync("g");
        Assert.Equal("Topic nowhere not exist!", (await CommitAsync(client, "g", "nowhere", 0, 1)).FailedWith(ResponseCodes.TopicNotExist).Remark);
        (await CommitAsync(client, "g", "orders", null, 1)).FailedWith(ResponseCodes.InvalidParameter);
        (await CommitAsync(client, "g", "orders", 0, null)).FailedWith(ResponseCodes.InvalidParameter);
    }

    [Fact]
    public async Task A_group_without_an_offset_starts_at_0_while_the_first_message_is_there()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "x");

        Assert.Equal("0", (await QueryAsync(client, "g", "orders", 0)).Succeeded()["offset"]);
        (await QueryAsync(client, "g", "orders", 0, setZero: true)).Succeeded();
        (await QueryAsync(client, "g", "orders", 0, setZero: false)).FailedWith(ResponseCodes.QueryNotFound);
        var empty = (await QueryAsync(client, "g", "orders", 1)).FailedWith(ResponseCodes.QueryNotFound);
        Assert.Equal("Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first", empty.Remark);
    }

    [Fact]
    public async Task The_ends_of_a_queue_are_told()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        var start = test.Time.GetUtcNow().ToUnixTimeMilliseconds();
        await client.SendAsync("orders", "x");
        test.Time.Advance(TimeSpan.FromSeconds(1));
        await client.SendAsync("orders", "y");

        Assert.Equal("2", (await EndAsync(client, RequestCodes.GetMaxOffset, 0))["offset"]);
        Assert.Equal("0", (await EndAsync(client, RequestCodes.GetMinOffset, 0))["offset"]);
        Assert.Equal("0", (await EndAsync(client, RequestCodes.GetMaxOffset, 3))["offset"]);
        Assert.Equal($"{start}", (await EndAsync(client, RequestCodes.GetEarliestMessageStoreTime, 0))["timestamp"]);
        Assert.Equal("-1", (await EndAsync(client, RequestCodes.GetEarliestMessageStoreTime, 3))["timestamp"]);
    }

    [Theory]
    [InlineData(-1, null, 0)]
    [InlineData(0, null, 0)]
    [InlineData(1, null, 2)]
    [InlineData(1000, null, 2)]
    [InlineData(1001, "lower", 4)]
    [InlineData(2001, "LOWER", 6)]
    [InlineData(-1, "upper", 0)]
    [InlineData(0, "UPPER", 1)]
    [InlineData(1500, "upper", 3)]
    [InlineData(9000, "upper", 5)]
    [InlineData(9000, "lower", 6)]
    public async Task An_offset_is_found_by_time(int afterStart, string? boundary, long expected)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        var start = test.Time.GetUtcNow().ToUnixTimeMilliseconds();
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync("orders", "x");
            await client.SendAsync("orders", "x");
            test.Time.Advance(TimeSpan.FromSeconds(1));
        }

        var found = await client.InvokeAsync(
            RequestCodes.SearchOffsetByTimestamp, ("topic", "orders"), ("queueId", 0), ("timestamp", start + afterStart), ("boundaryType", boundary));

        Assert.Equal(expected, found.Succeeded().GetInt64("offset"));
    }

    [Fact]
    public async Task A_reset_moves_the_next_pull_and_hides_commits_until_then()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders", 1);
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        for (var i = 0; i < 4; i++)
        {
            await client.SendAsync("orders", $"m{i}");
        }

        var reset = await client.InvokeAsync(
            RequestCodes.InvokeBrokerToResetOffset, ("topic", "orders"), ("group", "g"), ("timestamp", 0), ("isForce", true), ("queueId", -1), ("offset", -1));

        Assert.Equal("{\"offsetTable\":{{\"brokerName\":\"broker-a\",\"queueId\":0,\"topic\":\"orders\"}:0}}", reset.Succeeded().BodyText());
        (await CommitAsync(client, "g", "orders", 0, 4)).Succeeded();
        Assert.Equal(0, test.Broker.CommittedOffset("g", "orders", 0));
        var moved = (await client.PullAsync("g", "orders", 4)).FailedWith(ResponseCodes.PullOffsetMoved);
        Assert.Equal("0", moved["nextBeginOffset"]);
        Assert.Equal("OFFSET_RESET", moved.Remark);
        Assert.Equal(4, (await client.PullAsync("g", "orders", 0)).Messages().Count);
        (await CommitAsync(client, "g", "orders", 0, 4)).Succeeded();
        Assert.Equal(4, test.Broker.CommittedOffset("g", "orders", 0));
    }

    [Fact]
    public async Task Consume_stats_tell_how_far_a_group_is()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders", 1);
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await client.SendAsync("orders", "x");
        await client.SendAsync("orders", "y");
        await CommitAsync(client, "g", "orders", 0, 1);

        var stats = (await client.InvokeAsync(RequestCodes.GetConsumeStats, ("consumerGroup", "g"))).Succeeded();

        var time = test.Time.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.Equal(
            "{\"consumeTps\":0.0,\"offsetTable\":{{\"brokerName\":\"broker-a\",\"queueId\":0,\"topic\":\"orders\"}:{\"brokerOffset\":2,\"consumerOffset\":1,\"lastTimestamp\":" + time + ",\"pullOffset\":1}}}",
            stats.BodyText());
    }

    internal static Task<Framing.RemotingCommand> CommitAsync(TestClient client, string group, string topic, int? queueId, long? offset)
        => client.InvokeAsync(RequestCodes.UpdateConsumerOffset, ("consumerGroup", group), ("topic", topic), ("queueId", queueId), ("commitOffset", offset));

    internal static Task<Framing.RemotingCommand> QueryAsync(TestClient client, string group, string topic, int queueId, bool? setZero = null)
        => client.InvokeAsync(
            RequestCodes.QueryConsumerOffset, ("consumerGroup", group), ("topic", topic), ("queueId", queueId), ("setZeroIfNotFound", setZero));

    private static Task<Framing.RemotingCommand> EndAsync(TestClient client, int code, int queueId)
        => client.InvokeAsync(code, ("topic", "orders"), ("queueId", queueId));
}
