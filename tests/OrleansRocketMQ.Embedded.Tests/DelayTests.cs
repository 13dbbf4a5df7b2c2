using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class DelayTests
{
    [Fact]
    public async Task A_message_that_claims_to_be_an_inner_batch_is_refused_as_by_a_real_broker()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        (await client.SendAsync("orders", string.Empty, sysFlag: 0xC0, properties: [("DELAY", "1")])).FailedWith(ResponseCodes.MessageIllegal);
        (await client.SendAsync("orders", "x", sysFlag: 0x80)).FailedWith(ResponseCodes.MessageIllegal);
        (await client.SendAsync("orders", "x", properties: [("INNER_NUM", "2")])).FailedWith(ResponseCodes.MessageIllegal);

        // The other mark alone means nothing, and is stored.
        (await client.SendAsync("orders", "x", sysFlag: 0x40, properties: [("DELAY", "1")])).Succeeded();
        test.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0x40, Assert.Single((await client.PullAsync("g", "orders", 0)).Messages()).SysFlag);
    }

    [Theory]
    [InlineData("REAL_QID\u00010", "REAL_QID\u0001x")]
    [InlineData("REAL_TOPIC\u0001", "REAL_TOPIX\u0001")]
    public async Task A_delayed_message_that_cannot_be_read_holds_up_none_behind_it(string good, string bad)
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using (var test = await StartAsync())
        {
            var client = await test.ConnectAsync();
            await client.SendAsync("orders", "first", properties: [("DELAY", "1")]);
            await client.SendAsync("orders", "second", properties: [("DELAY", "1")]);
        }

        // As some other version may have written it: the record is whole, only nothing can be made of it.
        var log = folder.Segments().Single();
        var bytes = await File.ReadAllBytesAsync(log);
        System.Text.Encoding.UTF8.GetBytes(bad).CopyTo(bytes, bytes.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(good)));
        await File.WriteAllBytesAsync(log, bytes);
        File.Delete(folder.Indexes().Single());

        await using var again = await StartAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(["second"], again.Broker.Messages("orders").Select(message => message.Text()));
        Assert.Equal(0, again.Broker.DelayedMessages("orders"));

        Task<TestBroker> StartAsync() => TestBroker.StartAsync(options => options with { DataFolder = folder.Path }, time);
    }

    [Theory]
    [InlineData("DELAY", "18")]
    [InlineData("TIMER_DELAY_SEC", "7200")]
    public async Task A_clock_that_is_set_ahead_while_a_message_begins_to_wait_brings_it_in_time(string property, string value)
    {
        var time = new JumpingTime();
        await using var test = await TestBroker.StartAsync(time: time);
        var client = await test.ConnectAsync();
        time.JumpsOnce = true;

        (await client.SendAsync("orders", "in two hours", properties: [(property, value)])).Succeeded();

        Assert.False(time.JumpsOnce);
        Assert.Equal(1, test.Broker.DelayedMessages("orders"));

        // A timed message comes at the end of its second.
        time.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        Assert.Equal("in two hours", Assert.Single(test.Broker.Messages("orders")).Text());
    }

    [Fact]
    public async Task A_delayed_message_reaches_its_queue_when_its_time_has_come()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        var sent = (await client.SendAsync("orders", "later", "blue", queueId: 2, properties: [("DELAY", "2")])).Succeeded();
        await client.SendAsync("orders", "now", queueId: 2);

        Assert.Equal("2", sent["queueId"]);
        Assert.Equal(["now"], test.Broker.Messages("orders", 2).Select(message => message.Text()));
        test.Time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal(1, test.Broker.MaxOffset("orders", 2));
        test.Time.Advance(TimeSpan.FromSeconds(0.1));

        var delivered = test.Broker.Messages("orders", 2)[^1];
        Assert.Equal("later", delivered.Text());
        Assert.Equal("2", delivered.GetProperty("DELAY"));
        Assert.Equal("orders", delivered.GetProperty("REAL_TOPIC"));
        Assert.Equal("2", delivered.GetProperty("REAL_QID"));
        Assert.Equal("blue", delivered.Tags);
    }

    [Fact]
    public async Task Levels_are_as_configured_and_keep_their_order()
    {
        await using var test = await TestBroker.StartAsync(options => options with { MessageDelayLevels = "50ms 2s" });
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "a", properties: [("DELAY", "1")]);
        await client.SendAsync("orders", "b", properties: [("DELAY", "1")]);
        await client.SendAsync("orders", "c", properties: [("DELAY", "7")]);

        test.Time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.Equal(["a", "b"], test.Broker.Messages("orders").Select(message => message.Text()));
        test.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(["a", "b", "c"], test.Broker.Messages("orders").Select(message => message.Text()));
        Assert.Equal("2", test.Broker.Messages("orders")[^1].GetProperty("DELAY"));
    }

    [Fact]
    public async Task Messages_that_wait_are_counted_by_the_topic_they_come_to()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "soon", properties: [("DELAY", "1")]);
        await client.SendAsync("orders", "later", properties: [("DELAY", "2")]);
        await client.SendAsync("bills", "soon", properties: [("DELAY", "1")]);
        await client.SendAsync("orders", "now");

        Assert.Equal((2, 1, 0), (test.Broker.DelayedMessages("orders"), test.Broker.DelayedMessages("bills"), test.Broker.DelayedMessages("nothing")));
        test.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((1, 0), (test.Broker.DelayedMessages("orders"), test.Broker.DelayedMessages("bills")));
        await test.Broker.StopAsync();
        Assert.Equal(1, test.Broker.DelayedMessages("orders"));
    }

    [Fact]
    public async Task What_becomes_due_wakes_a_waiting_pull()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "later", properties: [("DELAY", "1")]);

        var waiting = client.PullAsync("g", "orders", 0, flags: PullSysFlag.Suspend, suspendMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 1);
        test.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(["later"], (await waiting.WithinDeadline()).Bodies());
    }

    [Fact]
    public async Task Delays_go_on_behind_a_stopped_broker_and_are_not_delivered_twice()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "first", properties: [("DELAY", "1")]);
        test.Time.Advance(TimeSpan.FromSeconds(1));
        await client.SendAsync("orders", "second", properties: [("DELAY", "1")]);

        await test.Broker.StopAsync();
        test.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(1, test.Broker.MaxOffset("orders", 0));
        await test.Broker.StartAsync();

        Assert.Equal(["first", "second"], test.Broker.Messages("orders").Select(message => message.Text()));
    }
}
