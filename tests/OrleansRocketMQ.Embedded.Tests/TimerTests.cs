using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>Messages that say themselves when they are to come, as those of RocketMQ 5 do.</summary>
public class TimerTests
{
    [Theory]
    [InlineData("TIMER_DELAY_SEC", "7")]
    [InlineData("TIMER_DELAY_MS", "7000")]
    [InlineData("TIMER_DELIVER_MS", null)]
    public async Task A_timed_message_comes_at_its_time(string property, string? value)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        value ??= $"{test.Time.GetUtcNow().ToUnixTimeMilliseconds() + 7_000}";

        var sent = (await client.SendAsync("orders", "timed", "blue", queueId: 2, properties: [(property, value)])).Succeeded();
        Assert.Equal("2", sent["queueId"]);
        Assert.Equal(1, test.Broker.DelayedMessages("orders"));
        test.Time.Advance(TimeSpan.FromMilliseconds(6_999));
        Assert.Empty(test.Broker.Messages("orders"));

        test.Time.Advance(TimeSpan.FromMilliseconds(1));
        var message = Assert.Single(test.Broker.Messages("orders", 2));
        Assert.Equal(("timed", "blue"), (message.Text(), message.Tags));
        Assert.Equal(value, message.GetProperty(property));
        Assert.NotNull(message.GetProperty("TIMER_OUT_MS"));
        Assert.Equal("orders", message.GetProperty("REAL_TOPIC"));
        Assert.InRange(message.DeliverTimestamp!.Value, message.StoreTimestamp - 1000, message.StoreTimestamp);
        Assert.Equal(0, test.Broker.DelayedMessages("orders"));
    }

    [Fact]
    public async Task Timed_messages_come_in_the_order_of_their_times_at_the_next_whole_second()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        foreach (var (body, wait) in new[] { ("late", "9000"), ("first", "2100"), ("second", "2900"), ("soon", "1") })
        {
            await client.SendAsync("orders", body, properties: [("TIMER_DELAY_MS", wait)]);
        }

        test.Time.Advance(TimeSpan.FromMilliseconds(1_000));
        Assert.Equal(["soon"], test.Broker.Messages("orders").Select(message => message.Text()));
        test.Time.Advance(TimeSpan.FromMilliseconds(2_000));
        Assert.Equal(["soon", "first", "second"], test.Broker.Messages("orders").Select(message => message.Text()));
        test.Time.Advance(TimeSpan.FromMilliseconds(6_000));
        Assert.Equal(["soon", "first", "second", "late"], test.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Theory]
    [InlineData("TIMER_DELAY_SEC", "-5")]
    [InlineData("TIMER_DELAY_MS", "0")]
    [InlineData("TIMER_DELIVER_MS", "5")]
    public async Task A_time_that_is_past_means_now(string property, string value)
    {
        await using var test = await TestBroker.StartAsync();
        (await (await test.ConnectAsync()).SendAsync("orders", "x", properties: [(property, value)])).Succeeded();
        Assert.Single(test.Broker.Messages("orders"));
    }

    [Theory]
    [InlineData("TIMER_DELAY_SEC", "259201")]
    [InlineData("TIMER_DELAY_SEC", "9223372036854775807")]
    [InlineData("TIMER_DELAY_MS", "soon")]
    public async Task What_a_timer_cannot_do_is_refused(string property, string value)
    {
        await using var test = await TestBroker.StartAsync();
        var refused = (await (await test.ConnectAsync()).SendAsync("orders", "x", properties: [(property, value)])).FailedWith(ResponseCodes.MessageIllegal);
        Assert.StartsWith("timer message illegal", refused.Remark, StringComparison.Ordinal);
        Assert.Empty(test.Broker.Messages("rmq_sys_wheel_timer"));
    }

    [Fact]
    public async Task A_level_wins_over_a_time()
    {
        await using var test = await TestBroker.StartAsync();
        await (await test.ConnectAsync()).SendAsync("orders", "x", properties: [("DELAY", "1"), ("TIMER_DELAY_SEC", "60")]);
        test.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(Assert.Single(test.Broker.Messages("orders")).GetProperty("TIMER_DELAY_SEC"));
    }

    [Fact]
    public async Task A_timed_message_of_a_transaction_waits_once_it_is_committed()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        var half = (await client.SendAsync(
            "orders", "x", sysFlag: MessageSysFlag.TransactionPrepared,
            properties: [("TRAN_MSG", "true"), ("PGROUP", "test_producer"), ("UNIQ_KEY", "K"), ("TIMER_DELAY_SEC", "2")])).Succeeded();
        test.Time.Advance(TimeSpan.FromSeconds(3));
        Assert.Empty(test.Broker.Messages("orders"));

        (await TransactionTests.EndAsync(client, half, MessageSysFlag.TransactionCommit)).Succeeded();
        Assert.Empty(test.Broker.Messages("orders"));
        test.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Single(test.Broker.Messages("orders"));
    }

    [Fact]
    public async Task A_commit_of_a_time_too_far_away_is_refused_with_the_reason()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        var half = (await client.SendAsync(
            "orders", "x", sysFlag: MessageSysFlag.TransactionPrepared,
            properties: [("TRAN_MSG", "true"), ("PGROUP", "test_producer"), ("UNIQ_KEY", "K"), ("TIMER_DELAY_SEC", "259201")])).Succeeded();
        var refused = (await TransactionTests.EndAsync(client, half, MessageSysFlag.TransactionCommit)).FailedWith(ResponseCodes.MessageIllegal);
        Assert.StartsWith("timer message illegal", refused.Remark, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broker_without_timers_refuses_them_as_a_real_one_does_and_takes_all_else()
    {
        await using var test = await TestBroker.StartAsync(options => options with { TimerWheelEnable = false });
        var client = await test.ConnectAsync();
        var refused = (await client.SendAsync("orders", "x", properties: [("TIMER_DELIVER_MS", "5")])).FailedWith(ResponseCodes.SystemError);
        Assert.Equal("accurate timer message is not enabled, timerWheelEnable is false", refused.Remark);
        (await client.SendAsync("orders", "now")).Succeeded();
        (await client.SendAsync("orders", "level", properties: [("DELAY", "1"), ("TIMER_DELAY_SEC", "60")])).Succeeded();
        Assert.Equal(["now"], test.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task Timed_messages_wait_on_over_an_orderly_restart_and_one_due_meanwhile_comes_at_once()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using (var test = await StartAsync(folder, time))
        {
            var client = await test.ConnectAsync();
            await client.SendAsync("orders", "late", properties: [("TIMER_DELAY_SEC", "30")]);
            await client.SendAsync("orders", "meanwhile", properties: [("TIMER_DELAY_SEC", "5")]);
        }

        time.Advance(TimeSpan.FromSeconds(10));
        await using var again = await StartAsync(folder, time);
        Assert.Equal(["meanwhile"], again.Broker.Messages("orders").Select(message => message.Text()));
        time.Advance(TimeSpan.FromSeconds(19));
        Assert.Single(again.Broker.Messages("orders"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["meanwhile", "late"], again.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task Timed_messages_go_on_after_a_crash_and_those_delivered_do_not_come_again()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using var test = await StartAsync(folder, time);
        var client = await test.ConnectAsync();
        foreach (var (body, wait) in new[] { ("late", "30"), ("one", "2"), ("two", "2") })
        {
            await client.SendAsync("orders", body, properties: [("TIMER_DELAY_SEC", wait)]);
        }

        time.Advance(TimeSpan.FromSeconds(2));
        time.Advance(TimeSpan.FromSeconds(5));
        using var copy = folder.Copy();

        await using var survivor = await StartAsync(copy, time);
        Assert.Equal(["one", "two"], survivor.Broker.Messages("orders").Select(message => message.Text()));
        Assert.Equal(1, survivor.Broker.DelayedMessages("orders"));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(["one", "two", "late"], survivor.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task Of_several_timed_for_one_moment_none_is_lost_when_one_cannot_be_stored()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        var disk = new FullDisk(long.MaxValue);
        await using var test = await StartAsync(folder, time, options => options with { Disk = disk });
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "one", properties: [("TIMER_DELAY_SEC", "2")]);
        await client.SendAsync("orders", "two", properties: [("TIMER_DELAY_SEC", "2")]);

        disk.TakeOnly(500);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(["one"], test.Broker.Messages("orders").Select(message => message.Text()));
        using var copy = folder.Copy();

        disk.MakeRoom();
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["one", "two"], test.Broker.Messages("orders").Select(message => message.Text()));
        await using var survivor = await StartAsync(copy, time);
        Assert.Contains("two", survivor.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task Messages_dropped_before_their_time_has_come_are_told()
    {
        var log = new LogLines();
        await using var test = await TestBroker.StartAsync(options => options with { MaxStoreBytes = 1024 * 1024, MaxMessageSize = 200_000, LoggerFactory = log });
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "a", properties: [("DELAY", "5")]);
        await client.SendAsync("orders", "b", properties: [("DELAY", "5")]);
        await client.SendAsync("orders", "c", properties: [("TIMER_DELAY_SEC", "60")]);
        await TransactionTests.SendHalfAsync(client, "orders", "d");
        for (var i = 0; i < 20; i++)
        {
            await client.SendBytesAsync("bills", new byte[100_000]);
        }

        test.Time.Advance(TimeSpan.FromSeconds(120));

        Assert.StartsWith("2 delayed messages of level 5 were dropped", Assert.Single(log.Of(143)), StringComparison.Ordinal);
        Assert.Single(log.Of(145));
        Assert.Single(log.Of(134));
    }

    private static Task<TestBroker> StartAsync(
        TempFolder folder, FakeTimeProvider time, Func<EmbeddedRocketMQOptions, EmbeddedRocketMQOptions>? change = null)
        => TestBroker.StartAsync(options => (change?.Invoke(options) ?? options) with { DataFolder = folder.Path, BrokerName = "broker-a" }, time);
}
