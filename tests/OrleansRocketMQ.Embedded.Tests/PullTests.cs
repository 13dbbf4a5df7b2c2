using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class PullTests
{
    [Theory]
    [InlineData(RequestCodes.PullMessage)]
    [InlineData(RequestCodes.LitePullMessage)]
    public async Task Messages_come_with_the_fields_a_real_broker_sends(int code)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "one");
        await client.SendAsync("orders", "two");

        var pulled = (await client.PullAsync("g", "orders", 0, code: code)).Succeeded();

        Assert.Equal(["one", "two"], pulled.Bodies());
        Assert.Equal("FOUND", pulled.Remark);
        var expected = new Dictionary<string, string>
        {
            ["suggestWhichBrokerId"] = "0", ["groupSysFlag"] = "0", ["nextBeginOffset"] = "2",
            ["maxOffset"] = "2", ["minOffset"] = "0", ["topicSysFlag"] = "0",
        };
        Assert.Equal(expected, pulled.ExtFields.ToDictionary());
    }

    [Theory]
    [InlineData(0, 0, ResponseCodes.PullNotFound, "NO_MESSAGE_IN_QUEUE", 0)]
    [InlineData(0, 5, ResponseCodes.PullOffsetMoved, "NO_MESSAGE_IN_QUEUE", 0)]
    [InlineData(3, 3, ResponseCodes.PullNotFound, "OFFSET_OVERFLOW_ONE", 3)]
    [InlineData(3, 4, ResponseCodes.PullOffsetMoved, "OFFSET_OVERFLOW_BADLY", 3)]
    [InlineData(3, -1, ResponseCodes.PullOffsetMoved, "OFFSET_TOO_SMALL", 0)]
    public async Task An_offset_without_a_message_is_answered_by_RocketMQs_rules(int stored, long offset, int code, string remark, long next)
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();
        for (var i = 0; i < stored; i++)
        {
            await client.SendAsync("orders", "x");
        }

        var pulled = (await client.PullAsync("g", "orders", offset)).FailedWith(code);

        Assert.Equal(remark, pulled.Remark);
        Assert.Equal(next, pulled.GetInt64("nextBeginOffset"));
        Assert.Equal(stored, pulled.GetInt64("maxOffset"));
    }

    [Fact]
    public async Task At_most_as_many_messages_come_as_are_wanted_and_never_more_than_32()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        for (var i = 0; i < 40; i++)
        {
            await client.SendAsync("orders", $"m{i}");
        }

        Assert.Equal(["m3", "m4"], (await client.PullAsync("g", "orders", 3, max: 2)).Bodies());
        Assert.Equal(32, (await client.PullAsync("g", "orders", 0, max: 100)).Bodies().Length);
    }

    [Fact]
    public async Task Bytes_are_limited_by_the_request_and_by_the_broker_but_one_message_always_comes()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        for (var i = 0; i < 6; i++)
        {
            await client.SendBytesAsync("orders", new byte[100_000]);
        }

        Assert.Equal(2, (await client.PullAsync("g", "orders", 0, maxBytes: 250_000)).Messages().Count);
        Assert.Single((await client.PullAsync("g", "orders", 0, maxBytes: 1)).Messages());
        Assert.Equal(2, (await client.PullAsync("g", "orders", 0, maxBytes: null)).Messages().Count);
    }

    [Fact]
    public async Task Tags_are_selected_by_their_hash_and_what_is_passed_over_counts_as_read()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        foreach (var tag in new[] { "a", "b", "Aa", null, "c" })
        {
            await client.SendAsync("orders", tag ?? "none", tag);
        }

        Assert.Equal(["a", "c"], (await client.PullAsync("g", "orders", 0, subscription: "a || c")).Bodies());

        // "Aa" and "BB" have the same hash in Java: the broker cannot tell them apart.
        Assert.Equal(["Aa"], (await client.PullAsync("g", "orders", 0, subscription: "BB")).Bodies());

        var none = (await client.PullAsync("g", "orders", 0, subscription: "z")).FailedWith(ResponseCodes.PullRetryImmediately);
        Assert.Equal("NO_MATCHED_MESSAGE", none.Remark);
        Assert.Equal("5", none["nextBeginOffset"]);
    }

    [Fact]
    public async Task A_filter_looks_at_no_more_than_800_messages_in_one_pull()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        for (var i = 0; i < 9; i++)
        {
            await client.SendBatchAsync("orders", Enumerable.Range(0, 100).Select(_ => new Message("orders", "x"u8.ToArray(), tags: "a")));
        }

        Assert.Equal("800", (await client.PullAsync("g", "orders", 0, subscription: "b"))["nextBeginOffset"]);
        Assert.Equal("900", (await client.PullAsync("g", "orders", 800, subscription: "b"))["nextBeginOffset"]);
    }

    [Fact]
    public async Task SQL92_selects_by_properties()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        for (var i = 0; i < 6; i++)
        {
            await client.SendAsync("orders", $"m{i}", properties: [("n", $"{i}"), ("colour", i % 2 == 0 ? "red" : "blue")]);
        }

        Assert.Equal(["m2", "m4"], (await client.PullAsync("g", "orders", 0, subscription: "n > 0 AND colour = 'red'", expressionType: "SQL92")).Bodies());
        (await client.PullAsync("g", "orders", 0, subscription: "n >", expressionType: "SQL92")).FailedWith(ResponseCodes.SubscriptionParseFailed);
        (await client.PullAsync("g", "orders", 0, subscription: "n > 1", expressionType: "XPATH")).FailedWith(ResponseCodes.SubscriptionParseFailed);
    }

    [Fact]
    public async Task Without_property_filters_SQL92_is_refused_everywhere()
    {
        await using var test = await TestBroker.StartAsync(options => options with { EnablePropertyFilter = false });
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "x");

        var pulled = (await client.PullAsync("g", "orders", 0, subscription: "n > 1", expressionType: "SQL92")).FailedWith(ResponseCodes.SystemError);
        Assert.Equal("The broker does not support consumer to filter message by SQL92", pulled.Remark);
    }

    [Fact]
    public async Task The_heartbeats_subscription_is_used_and_must_be_as_new_as_the_pull_says()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "a", "a");
        await client.SendAsync("orders", "b", "b");

        (await client.PullAsync("g", "orders", 0, subscription: null)).FailedWith(ResponseCodes.SubscriptionNotExist);
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("other"));
        (await client.PullAsync("g", "orders", 0, subscription: null)).FailedWith(ResponseCodes.SubscriptionNotExist);

        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders", "b", version: 5));
        Assert.Equal(["b"], (await client.PullAsync("g", "orders", 0, subscription: null, subVersion: 5)).Bodies());
        var old = (await client.PullAsync("g", "orders", 0, subscription: null, subVersion: 6)).FailedWith(ResponseCodes.SubscriptionNotLatest);
        Assert.Equal("the consumer's subscription not latest", old.Remark);

        // An older heartbeat of another member does not take the newer expression away; a newer one does.
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders", "a", version: 4));
        Assert.Equal(["b"], (await client.PullAsync("g", "orders", 0, subscription: null)).Bodies());
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders", "a", version: 6));
        Assert.Equal(["a"], (await client.PullAsync("g", "orders", 0, subscription: null)).Bodies());
    }

    [Fact]
    public async Task A_heartbeats_SQL92_that_cannot_be_read_leaves_the_group_without_a_filter()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "x", properties: [("n", "1")]);

        (await client.HeartbeatAsync("g", subscriptions: TestClient.Sql("orders", "n ="))).Succeeded();
        (await client.PullAsync("g", "orders", 0, subscription: null)).FailedWith(ResponseCodes.FilterDataNotExist);

        await client.HeartbeatAsync("g", subscriptions: TestClient.Sql("orders", "n = 1", version: 2));
        Assert.Equal(["x"], (await client.PullAsync("g", "orders", 0, subscription: null)).Bodies());
    }

    [Fact]
    public async Task Unknown_groups_topics_and_queues_are_refused()
    {
        await using var test = await TestBroker.StartAsync(options => options with { AutoCreateGroups = false });
        test.RocketMQ.CreateTopic("orders", 2);
        var client = await test.ConnectAsync();

        (await client.PullAsync("g", "orders", 0)).FailedWith(ResponseCodes.SubscriptionGroupNotExist);
        (await client.InvokeAsync(RequestCodes.UpdateAndCreateSubscriptionGroup, "{\"groupName\":\"g\"}"u8.ToArray())).Succeeded();
        (await client.PullAsync("g", "nowhere", 0)).FailedWith(ResponseCodes.TopicNotExist);
        (await client.PullAsync("g", "orders", 0, queueId: 2)).FailedWith(ResponseCodes.InvalidParameter);
        (await client.PullAsync("g", "orders", 0, queueId: 1)).FailedWith(ResponseCodes.PullNotFound);
    }

    [Fact]
    public async Task A_pull_may_commit_an_offset_but_not_again_when_it_wakes()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();
        const PullSysFlag Flags = PullSysFlag.Suspend | PullSysFlag.CommitOffset;

        var waiting = client.PullAsync("g", "orders", 0, flags: Flags, suspendMillis: 15_000, commitOffset: 7);
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 1);
        Assert.Equal(7, test.Broker.CommittedOffset("g", "orders", 0));

        await client.InvokeAsync(RequestCodes.UpdateConsumerOffset, ("consumerGroup", "g"), ("topic", "orders"), ("queueId", 0), ("commitOffset", 9));
        await client.SendAsync("orders", "x");
        (await waiting.WithinDeadline()).Succeeded();
        Assert.Equal(9, test.Broker.CommittedOffset("g", "orders", 0));
    }

    [Fact]
    public async Task A_waiting_pull_is_answered_when_a_message_comes()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var consumer = await test.ConnectAsync();
        var producer = await test.ConnectAsync();

        var waiting = consumer.PullAsync("g", "orders", 0, flags: PullSysFlag.Suspend, suspendMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 1);
        await producer.SendAsync("orders", "elsewhere", queueId: 1);
        Assert.Equal(1, test.Broker.HeldPulls);
        await producer.SendAsync("orders", "here");

        Assert.Equal(["here"], (await waiting.WithinDeadline()).Succeeded().Bodies());
        Assert.Equal(0, test.Broker.HeldPulls);
    }

    [Fact]
    public async Task A_waiting_pull_is_not_woken_by_what_its_filter_does_not_want()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();

        var byTag = client.PullAsync("g", "orders", 0, subscription: "a", flags: PullSysFlag.Suspend, suspendMillis: 15_000);
        var bySql = client.PullAsync("g", "orders", 0, subscription: "n = 1", expressionType: "SQL92", flags: PullSysFlag.Suspend, suspendMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 2);
        await client.SendAsync("orders", "no", "b", properties: [("n", "2")]);
        Assert.Equal(2, test.Broker.HeldPulls);
        await client.SendAsync("orders", "yes", "a", properties: [("n", "1")]);

        Assert.Equal(["yes"], (await byTag.WithinDeadline()).Bodies());
        Assert.Equal(["yes"], (await bySql.WithinDeadline()).Bodies());
    }

    [Fact]
    public async Task A_waiting_pull_learns_within_five_seconds_how_far_the_queue_has_come()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();

        var waiting = client.PullAsync("g", "orders", 0, subscription: "a", flags: PullSysFlag.Suspend, suspendMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 1);
        await client.SendAsync("orders", "no", "b");
        test.Time.Advance(TimeSpan.FromSeconds(4.8));
        Assert.Equal(1, test.Broker.HeldPulls);
        test.Time.Advance(TimeSpan.FromSeconds(0.3));

        Assert.Equal("1", (await waiting.WithinDeadline()).FailedWith(ResponseCodes.PullRetryImmediately)["nextBeginOffset"]);
    }

    [Fact]
    public async Task A_waiting_pull_is_answered_when_its_time_is_up()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();

        var waiting = client.PullAsync("g", "orders", 0, flags: PullSysFlag.Suspend, suspendMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 1);
        test.Time.Advance(TimeSpan.FromSeconds(14.8));
        Assert.Equal(1, test.Broker.HeldPulls);
        test.Time.Advance(TimeSpan.FromSeconds(0.3));

        (await waiting.WithinDeadline()).FailedWith(ResponseCodes.PullNotFound);
    }

    [Fact]
    public async Task The_waiting_pulls_of_a_closed_connection_are_forgotten()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();

        var waiting = client.PullAsync("g", "orders", 0, flags: PullSysFlag.Suspend, suspendMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 1);
        await client.DisposeAsync();

        await Assert.ThrowsAsync<RocketMQNetworkException>(() => waiting.WithinDeadline());
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 0);
    }

    [Fact]
    public async Task Messages_that_come_while_pulls_begin_to_wait_wake_them_all_the_same()
    {
        await using var test = await TestBroker.StartAsync();
        test.RocketMQ.CreateTopic("orders", 1);
        var consumer = await test.ConnectAsync();
        var producer = await test.ConnectAsync();
        const int Count = 2000;

        var received = new List<string>();
        var consuming = Task.Run(async () =>
        {
            long offset = 0;
            while (received.Count < Count)
            {
                var pulled = await consumer.PullAsync("g", "orders", offset, flags: PullSysFlag.Suspend, suspendMillis: 600_000);
                received.AddRange(pulled.Succeeded().Bodies());
                offset = pulled.GetInt64("nextBeginOffset");
            }
        });
        for (var i = 0; i < Count; i++)
        {
            await producer.SendAsync("orders", $"{i}");
        }

        await consuming.WithinDeadline();
        Assert.Equal(Enumerable.Range(0, Count).Select(number => $"{number}"), received);
    }

    [Fact]
    public async Task Pulled_bytes_are_exactly_the_stored_ones()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync("orders", $"m{i}", queueId: i % 3);
        }

        for (var queueId = 0; queueId < 3; queueId++)
        {
            var stored = test.Broker.Messages("orders", queueId).SelectMany(message => message.Record.ToArray()).ToArray();
            Assert.Equal(stored, (await client.PullAsync("g", "orders", 0, queueId)).Body.ToArray());
        }
    }

    [Fact]
    public async Task A_pull_without_its_fields_is_an_error_and_leaves_the_connection_usable()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        (await client.InvokeAsync(RequestCodes.PullMessage, ("topic", "orders"))).FailedWith(ResponseCodes.SystemError);
        (await client.InvokeAsync(RequestCodes.GetMaxOffset, ("topic", "orders"), ("queueId", 0))).Succeeded();
    }
}
