using System.Text;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class SendTests
{
    [Fact]
    public async Task A_message_is_stored_with_what_the_broker_adds()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        var sent = (await client.SendAsync("orders", "hello", "blue", queueId: 2, properties: [("UNIQ_KEY", "K1"), ("colour", "red")])).Succeeded();

        Assert.Equal("2", sent["queueId"]);
        Assert.Equal("0", sent["queueOffset"]);
        Assert.Equal("K1", sent["transactionId"]);
        Assert.Equal("DefaultRegion", sent["MSG_REGION"]);
        Assert.Equal("true", sent["TRACE_ON"]);
        var message = Assert.Single(test.Broker.Messages("orders"));
        Assert.Equal("hello", message.Text());
        Assert.Equal(2, message.QueueId);
        Assert.Equal("blue", message.Tags);
        Assert.Equal("K1", message.MessageId);
        Assert.Equal(sent["msgId"], message.OffsetMessageId);
        Assert.Equal("red", message.GetProperty("colour"));
        Assert.Equal("DefaultCluster", message.GetProperty("CLUSTER"));
        Assert.Equal("DefaultRegion", message.GetProperty("MSG_REGION"));
        Assert.Equal("true", message.GetProperty("TRACE_ON"));
        Assert.Equal(1700000000000, message.BornTimestamp);
        Assert.Equal(test.Time.GetUtcNow().ToUnixTimeMilliseconds(), message.StoreTimestamp);
        Assert.Equal(test.Broker.Address, message.StoreHost.ToString());
    }

    [Fact]
    public async Task A_message_without_a_body_is_refused_alone_and_taken_in_a_batch_and_never_taken_back()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));

        var alone = await client.SendBytesAsync("orders", []);
        var among = await client.SendBatchAsync("orders", [new Message("orders", "x"u8.ToArray()), new Message("orders", ReadOnlyMemory<byte>.Empty)]);

        Assert.Equal(ResponseCodes.MessageIllegal, alone.Code);
        Assert.StartsWith("the message is illegal, maybe msg body or properties length not matched.", alone.Remark, StringComparison.Ordinal);
        among.Succeeded();
        var stored = test.Broker.Messages("orders", 0);
        Assert.Equal([1, 0], stored.Select(message => message.Body.Length));
        var back = await client.InvokeAsync(
            RequestCodes.ConsumerSendMessageBack,
            ("group", "g"), ("offset", stored[1].CommitLogOffset), ("delayLevel", -1), ("originMsgId", stored[1].MessageId), ("originTopic", "orders"));
        Assert.Equal((ResponseCodes.SystemError, "MESSAGE_ILLEGAL"), (back.Code, back.Remark));
    }

    [Fact]
    public async Task The_long_form_of_the_header_is_understood_and_a_unique_key_is_given()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        var sent = await client.InvokeAsync(
            RequestCodes.SendMessage, "x"u8.ToArray(),
            ("producerGroup", "p"), ("topic", "orders"), ("defaultTopic", "TBW102"), ("defaultTopicQueueNums", 4), ("queueId", 1), ("sysFlag", 0),
            ("bornTimestamp", 5), ("flag", 7), ("properties", string.Empty), ("reconsumeTimes", 0), ("unitMode", false), ("batch", false));

        sent.Succeeded();
        var message = Assert.Single(test.Broker.Messages("orders"));
        Assert.Equal(7, message.Flag);
        Assert.Equal(32, message.GetProperty("UNIQ_KEY")!.Length);
        Assert.Equal(sent["transactionId"], message.GetProperty("UNIQ_KEY"));
    }

    [Fact]
    public async Task A_value_that_holds_the_separator_of_names_and_values_is_stored_and_moved_about_as_it_is()
    {
        // What agents leave that append to the table without a separator.
        const string Table = "TAGS\u0001tag\u00010\u0002colour\u0001red\u0002";
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));

        (await SendAsync(Table)).Succeeded();
        (await SendAsync(Table + "DELAY\u00011\u0002")).Succeeded();
        (await SendAsync(Table + "TRAN_MSG\u0001true\u0002PGROUP\u0001p\u0002")).Succeeded();
        (await client.InvokeAsync(
            RequestCodes.SendBatchMessage, MessageBatchCodec.Encode([new Message("orders", "x"u8.ToArray())]),
            ("a", "p"), ("b", "orders"), ("c", "TBW102"), ("d", 4), ("e", 0), ("f", 0), ("g", 5), ("h", 0), ("i", Table), ("j", 0), ("k", false), ("m", true))).Succeeded();

        test.Time.Advance(TimeSpan.FromSeconds(1));
        var stored = test.Broker.Messages("orders", 0);
        Assert.Equal(3, stored.Count);
        Assert.All(stored, message => Assert.Equal(("tag\u00010", "red"), (message.Tags, message.GetProperty("colour"))));

        (await client.InvokeAsync(
            RequestCodes.ConsumerSendMessageBack,
            ("group", "g"), ("offset", stored[0].CommitLogOffset), ("delayLevel", -1), ("originMsgId", stored[0].MessageId), ("originTopic", "orders"))).Succeeded();
        Assert.Equal("tag\u00010", Assert.Single(test.Broker.Messages("%DLQ%g")).Tags);

        Task<RemotingCommand> SendAsync(string table) => client.InvokeAsync(
            RequestCodes.SendMessageV2, "x"u8.ToArray(),
            ("a", "p"), ("b", "orders"), ("c", "TBW102"), ("d", 4), ("e", 0), ("f", 0), ("g", 5), ("h", 0), ("i", table), ("j", 0), ("k", false), ("m", false));
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(16, 8)]
    public async Task An_unknown_topic_is_made_with_the_producers_number_of_queues_within_the_brokers_limit(int wanted, int expected)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        (await client.InvokeAsync(
            RequestCodes.SendMessageV2, "x"u8.ToArray(),
            ("a", "p"), ("b", "orders"), ("c", "TBW102"), ("d", wanted), ("e", 0), ("f", 0), ("g", 5), ("h", 0), ("i", string.Empty))).Succeeded();

        Assert.Equal(expected, test.Broker.QueueCount("orders"));
    }

    [Fact]
    public async Task Without_automatic_topics_an_unknown_one_is_refused()
    {
        await using var test = await TestBroker.StartAsync(options => options with { AutoCreateTopics = false });
        var client = await test.ConnectAsync();

        (await client.SendAsync("orders", "x")).FailedWith(ResponseCodes.TopicNotExist);

        test.RocketMQ.CreateTopic("orders");
        (await client.SendAsync("orders", "x")).Succeeded();
    }

    [Fact]
    public async Task Any_queue_is_chosen_for_a_negative_number_and_one_too_high_is_refused()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders", 2);
        var client = await test.ConnectAsync();

        Assert.InRange(int.Parse((await client.SendAsync("orders", "x", queueId: -1)).Succeeded()["queueId"]!, null), 0, 1);
        var refused = (await client.SendAsync("orders", "x", queueId: 2)).FailedWith(ResponseCodes.InvalidParameter);
        Assert.Contains("request queueId[2] is illegal, TopicConfig [topicName=orders, readQueueNums=2, writeQueueNums=2, perm=RW-", refused.Remark, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SCHEDULE_TOPIC_XXXX", ResponseCodes.NoPermission)]
    [InlineData("RMQ_SYS_TRANS_HALF_TOPIC", ResponseCodes.NoPermission)]
    [InlineData("a b", ResponseCodes.InvalidParameter)]
    [InlineData("", ResponseCodes.InvalidParameter)]
    public async Task Reserved_and_wrong_names_are_refused(string topic, int code)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        (await client.SendAsync(topic, "x")).FailedWith(code);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_in_Javas_words()
    {
        await using var test = await TestBroker.StartAsync(options => options with { MaxMessageSize = 1000 });
        var client = await test.ConnectAsync();

        (await client.SendBytesAsync("orders", new byte[1000])).Succeeded();
        var refused = (await client.SendBytesAsync("orders", new byte[1001])).FailedWith(ResponseCodes.MessageIllegal);
        Assert.Equal(
            "the message is illegal, maybe msg body or properties length not matched. msg body length limit 1000B, msg properties length limit 32KB.",
            refused.Remark);
    }

    [Fact]
    public async Task A_batch_is_stored_as_single_messages_side_by_side()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        Message[] batch = [.. Enumerable.Range(0, 5).Select(number => new Message("orders", Encoding.UTF8.GetBytes($"m{number}"), tags: number % 2 == 0 ? "even" : "odd"))];

        var sent = (await client.SendBatchAsync("orders", batch, queueId: 1)).Succeeded();

        var stored = test.Broker.Messages("orders", 1);
        Assert.Equal(["m0", "m1", "m2", "m3", "m4"], stored.Select(message => message.Text()));
        Assert.Equal([0, 1, 2, 3, 4], stored.Select(message => message.QueueOffset));
        Assert.Equal("0", sent["queueOffset"]);
        Assert.Equal(string.Join(',', stored.Select(message => message.OffsetMessageId)), sent["msgId"]);
        Assert.All(stored, message => Assert.Equal("DefaultCluster", message.GetProperty("CLUSTER")));
        Assert.Equal(["m0", "m2", "m4"], (await client.PullAsync("g", "orders", 0, queueId: 1, subscription: "even")).Succeeded().Bodies());
    }

    [Fact]
    public async Task A_batch_to_a_retry_topic_is_refused()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        (await client.SendBatchAsync("%RETRY%g", [new Message("%RETRY%g", "x"u8.ToArray())])).FailedWith(ResponseCodes.MessageIllegal);
    }

    [Fact]
    public async Task A_one_way_send_is_stored_without_an_answer()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        await client.SendOneWayAsync(
            RequestCodes.SendMessageV2, "x"u8.ToArray(), ("a", "p"), ("b", "orders"), ("c", "TBW102"), ("d", 4), ("e", 0), ("f", 0), ("g", 5), ("h", 0), ("i", string.Empty));

        await Eventually.TrueAsync(() => test.Broker.MaxOffset("orders", 0) == 1);
    }

    [Fact]
    public async Task A_message_is_shown_by_its_place_and_only_where_one_begins()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "first");
        var id = (await client.SendAsync("orders", "second"))["msgId"];
        var offset = OffsetMessageId.Parse(id).CommitLogOffset;

        Assert.Equal("second", (await client.InvokeAsync(RequestCodes.ViewMessageById, ("offset", offset))).Succeeded().Bodies().Single());
        (await client.InvokeAsync(RequestCodes.ViewMessageById, ("offset", offset + 1))).FailedWith(ResponseCodes.SystemError);
        (await client.InvokeAsync(RequestCodes.ViewMessageById, ("offset", -1))).FailedWith(ResponseCodes.SystemError);
    }

    [Theory]
    [InlineData(SerializeType.Json)]
    [InlineData(SerializeType.RocketMQ)]
    public async Task Headers_of_either_kind_are_answered_in_the_brokers_own(SerializeType own)
    {
        await using var test = await TestBroker.StartAsync(options => options with { SerializeType = own });
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "x");

        foreach (var type in new[] { SerializeType.Json, SerializeType.RocketMQ })
        {
            var request = new RemotingCommand { Code = RequestCodes.GetMaxOffset, SerializeType = type }.Set("topic", "orders").Set("queueId", 0);
            var response = (await client.InvokeAsync(request)).Succeeded();
            Assert.Equal("1", response["offset"]);
            Assert.Equal(own, response.SerializeType);

            var unknown = await client.InvokeAsync(new RemotingCommand { Code = 9_999, SerializeType = type });
            Assert.Equal(own, unknown.FailedWith(ResponseCodes.RequestCodeNotSupported).SerializeType);
        }
    }
}
