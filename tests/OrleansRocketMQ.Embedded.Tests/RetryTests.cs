using System.Globalization;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class RetryTests
{
    [Fact]
    public async Task A_message_sent_back_waits_and_comes_again_on_the_retry_topic()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await client.SendAsync("orders", "x", "blue", properties: [("UNIQ_KEY", "K"), ("WAIT", "true")]);
        var first = test.Broker.Messages("orders").Single();

        (await SendBackAsync(client, first, level: 0)).Succeeded();

        Assert.Equal(0, test.Broker.MaxOffset("%RETRY%g", 0));
        test.Time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.Equal(0, test.Broker.MaxOffset("%RETRY%g", 0));
        test.Time.Advance(TimeSpan.FromSeconds(0.2));

        var retried = test.Broker.Messages("%RETRY%g").Single();
        Assert.Equal("x", retried.Text());
        Assert.Equal(1, retried.ReconsumeTimes);
        Assert.Equal(first.BornTimestamp, retried.BornTimestamp);
        Assert.Equal(first.BornHost, retried.BornHost);
        Assert.Equal("orders", retried.GetProperty("RETRY_TOPIC"));
        Assert.Equal(first.OffsetMessageId, retried.OriginMessageId);
        Assert.Equal("K", retried.MessageId);
        Assert.Equal("3", retried.GetProperty("DELAY"));
        Assert.Equal("%RETRY%g", retried.GetProperty("REAL_TOPIC"));
        Assert.Equal("0", retried.GetProperty("REAL_QID"));
        Assert.Equal("false", retried.GetProperty("WAIT"));
        Assert.Equal("blue", retried.Tags);
    }

    [Fact]
    public async Task Retries_wait_longer_each_time_and_end_in_the_dead_letter_topic()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await client.SendAsync("orders", "x");
        var message = test.Broker.Messages("orders").Single();
        var origin = message.OffsetMessageId;

        foreach (var seconds in new[] { 10, 30, 60 })
        {
            (await SendBackAsync(client, message, level: 0, most: 3)).Succeeded();
            test.Time.Advance(TimeSpan.FromSeconds(seconds - 0.1));
            Assert.Equal(message.ReconsumeTimes, test.Broker.MaxOffset("%RETRY%g", 0));
            test.Time.Advance(TimeSpan.FromSeconds(0.2));
            message = test.Broker.Messages("%RETRY%g")[^1];
        }

        Assert.Equal(3, message.ReconsumeTimes);
        (await SendBackAsync(client, message, level: 0, most: 3)).Succeeded();

        Assert.Equal(1, test.Broker.QueueCount("%DLQ%g"));
        var dead = test.Broker.Messages("%DLQ%g").Single();
        Assert.Equal(4, dead.ReconsumeTimes);
        Assert.Equal("orders", dead.GetProperty("RETRY_TOPIC"));
        Assert.Equal(origin, dead.OriginMessageId);
        Assert.Equal("0", dead.GetProperty("DELAY"));
        Assert.Equal(3, test.Broker.Messages("%RETRY%g").Count);
    }

    [Fact]
    public async Task The_consumer_may_choose_the_wait_or_give_up_at_once()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await client.SendAsync("orders", "x");
        var message = test.Broker.Messages("orders").Single();

        (await SendBackAsync(client, message, level: 1)).Succeeded();
        test.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Single(test.Broker.Messages("%RETRY%g"));

        (await SendBackAsync(client, message, level: -1)).Succeeded();
        Assert.Single(test.Broker.Messages("%DLQ%g"));

        // Beyond the last level means the last level: 2 hours.
        (await SendBackAsync(client, message, level: 99)).Succeeded();
        Assert.Single(test.Broker.Messages("SCHEDULE_TOPIC_XXXX", 17));
    }

    [Fact]
    public async Task The_groups_own_limit_and_queues_count_when_the_consumer_says_nothing()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.InvokeAsync(RequestCodes.UpdateAndCreateSubscriptionGroup, "{\"groupName\":\"strict\",\"retryMaxTimes\":0}"u8.ToArray());
        await client.InvokeAsync(RequestCodes.UpdateAndCreateSubscriptionGroup, "{\"groupName\":\"careless\",\"retryQueueNums\":0}"u8.ToArray());
        await client.SendAsync("orders", "x");
        var message = test.Broker.Messages("orders").Single();

        (await SendBackAsync(client, message, level: 0, group: "strict")).Succeeded();
        (await SendBackAsync(client, message, level: 0, group: "careless")).Succeeded();

        Assert.Single(test.Broker.Messages("%DLQ%strict"));
        Assert.Equal(0, test.Broker.QueueCount("%RETRY%careless"));
    }

    [Fact]
    public async Task A_message_that_is_not_there_and_a_group_that_may_not_be_are_refused()
    {
        await using var test = await TestBroker.StartAsync(options => options with { AutoCreateGroups = false });
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "x");
        var message = test.Broker.Messages("orders").Single();

        (await SendBackAsync(client, message, level: 0)).FailedWith(ResponseCodes.SubscriptionGroupNotExist);
        await client.InvokeAsync(RequestCodes.UpdateAndCreateSubscriptionGroup, "{\"groupName\":\"g\"}"u8.ToArray());
        var missing = await client.InvokeAsync(
            RequestCodes.ConsumerSendMessageBack, ("offset", 12345), ("group", "g"), ("delayLevel", 0), ("unitMode", false));
        Assert.Equal("look message by offset failed, 12345", missing.FailedWith(ResponseCodes.SystemError).Remark);
    }

    [Fact]
    public async Task A_compressed_body_goes_the_way_of_retry_as_it_is()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        using var zipped = new MemoryStream();
        using (var zip = new System.IO.Compression.ZLibStream(zipped, System.IO.Compression.CompressionMode.Compress, leaveOpen: true))
        {
            zip.Write("hello hello hello"u8);
        }

        await client.SendBytesAsync("orders", zipped.ToArray(), sysFlag: MessageSysFlag.Compressed | (3 << 8));
        var message = test.Broker.Messages("orders").Single();
        await SendBackAsync(client, message, level: 1);
        test.Time.Advance(TimeSpan.FromSeconds(1));

        var retried = test.Broker.Messages("%RETRY%g").Single();
        Assert.Equal("hello hello hello", retried.Text());
        Assert.Equal(message.SysFlag, retried.SysFlag);
        Assert.Equal(message.BodyCrc, retried.BodyCrc);
    }

    [Theory]
    [InlineData(16, 16, "%RETRY%g")]
    [InlineData(17, 16, "%DLQ%g")]
    [InlineData(17, null, "%DLQ%g")]
    [InlineData(17, 20, "%RETRY%g")]
    public async Task A_plain_send_to_the_retry_topic_dies_when_it_has_failed_too_often(int times, int? most, string expected)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));

        (await client.SendAsync("%RETRY%g", "x", properties: [("RETRY_TOPIC", "orders")], reconsumeTimes: times, maxReconsumeTimes: most)).Succeeded();

        var message = test.Broker.Messages(expected).Single();
        Assert.Equal(times, message.ReconsumeTimes);
        Assert.Equal(expected == "%DLQ%g" ? "-1" : null, message.GetProperty("DELAY"));
    }

    [Fact]
    public async Task A_plain_send_to_the_retry_topic_of_an_orderly_group_dies_at_once()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await LockTests.LockAsync(client, "g", "c1", 0);

        (await client.SendAsync("%RETRY%g", "x", reconsumeTimes: 1, maxReconsumeTimes: 16)).Succeeded();
        Assert.Single(test.Broker.Messages("%DLQ%g"));

        test.Time.Advance(TimeSpan.FromSeconds(61));
        (await client.SendAsync("%RETRY%g", "x", reconsumeTimes: 1, maxReconsumeTimes: 16)).Succeeded();
        Assert.Single(test.Broker.Messages("%RETRY%g"));
    }

    private static Task<RemotingCommand> SendBackAsync(TestClient client, MessageExt message, int level, int? most = null, string group = "g")
        => client.InvokeAsync(
            RequestCodes.ConsumerSendMessageBack,
            ("offset", message.CommitLogOffset.ToString(CultureInfo.InvariantCulture)), ("group", group), ("delayLevel", level),
            ("originMsgId", message.MessageId), ("originTopic", message.Topic), ("unitMode", false), ("maxReconsumeTimes", most));
}
