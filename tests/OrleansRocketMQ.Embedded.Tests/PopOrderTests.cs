using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>Queues that are popped in order: the next messages come when the last are done, or the same ones again.</summary>
public class PopOrderTests
{
    [Fact]
    public async Task A_queue_gives_nothing_more_until_what_it_gave_is_done()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test, "a", "b", "c");
        var messages = await member.TakeAsync(max: 2, order: true);
        Assert.Equal(["a", "b"], messages.Select(message => message.Text()));
        Assert.All(messages, message => Assert.True(message.ReceiptHandle!.Value.IsOrdered));
        Assert.Equal(0, test.Broker.CommittedOffset("g", "orders", 0));

        Assert.Empty(await member.TakeAsync(order: true));
        (await member.AckAsync(messages[1])).Succeeded();
        Assert.Equal(0, test.Broker.CommittedOffset("g", "orders", 0));
        Assert.Empty(await member.TakeAsync(order: true));
        (await member.AckAsync(messages[0])).Succeeded();
        Assert.Equal(2, test.Broker.CommittedOffset("g", "orders", 0));
        Assert.Equal(["c"], (await member.TakeAsync(order: true)).Select(message => message.Text()));
    }

    [Fact]
    public async Task What_is_not_done_in_time_comes_again_in_its_queue_and_is_counted()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test, "a", "b", "c");
        var first = await member.TakeAsync(max: 2, order: true);
        (await member.AckAsync(first[0])).Succeeded();
        test.Time.Advance(TimeSpan.FromSeconds(11));

        var again = await member.TakeAsync(order: true);
        Assert.Equal([("b", 1), ("c", 0)], again.Select(message => (message.Text(), message.ReconsumeTimes)));
        Assert.All(again, message => Assert.Equal(PopTopicKind.Normal, message.ReceiptHandle!.Value.Kind));

        // Of the pop before: it does not count any more.
        (await member.AckAsync(first[1])).Succeeded();
        Assert.Equal(1, test.Broker.CommittedOffset("g", "orders", 0));
        test.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal([("b", 2), ("c", 1)], (await member.TakeAsync(order: true)).Select(message => (message.Text(), message.ReconsumeTimes)));
    }

    [Fact]
    public async Task The_same_attempt_brings_the_same_messages_and_counts_nothing()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test, "a");
        Assert.Single(await member.TakeAsync(order: true, attemptId: "one"));
        Assert.Empty(await member.TakeAsync(order: true, attemptId: "two"));
        var again = Assert.Single(await member.TakeAsync(order: true, attemptId: "one"));
        Assert.Equal(0, again.ReconsumeTimes);
        (await member.AckAsync(again)).Succeeded();
        Assert.Empty(await member.TakeAsync(order: true, attemptId: "one"));
    }

    [Fact]
    public async Task A_changed_invisible_time_says_when_the_queue_goes_on()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test, "a", "b");
        var messages = await member.TakeAsync(order: true);
        (await member.AckAsync(messages[0])).Succeeded();
        var later = (await member.ChangeAsync(messages[1].ReceiptHandle!.Value, TimeSpan.FromSeconds(30)))!.Value;
        Assert.Equal((messages[1].ReceiptHandle!.Value.PopTime, 30_000L, true), (later.PopTime, later.InvisibleTime, later.IsOrdered));
        test.Time.Advance(TimeSpan.FromSeconds(20));
        Assert.Empty(await member.TakeAsync(order: true));
        test.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(["b"], (await member.TakeAsync(order: true)).Select(message => message.Text()));
        Assert.Null(await member.ChangeAsync(messages[0].ReceiptHandle!.Value, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task An_offset_that_the_last_pop_did_not_bring_is_refused()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test, "a", "b");
        var message = Assert.Single(await member.TakeAsync(max: 1, order: true));
        (await member.AckAsync(message.ReceiptHandle!.Value with { QueueOffset = 1 })).FailedWith(ResponseCodes.MessageIllegal);
        (await member.AckAsync(message)).Succeeded();
        (await member.AckAsync(message)).Succeeded();
    }

    [Fact]
    public async Task Who_waits_hears_when_the_queue_is_free()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test, "a", "b");
        var other = await PopClient.ConnectAsync(test);
        var message = Assert.Single(await member.TakeAsync(max: 1, order: true));

        var waiting = other.PopAsync(max: 1, order: true, pollMillis: 60_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        (await member.AckAsync(message)).Succeeded();
        Assert.Equal("b", Assert.Single((await waiting.WithinDeadline()).Decode()).Text());

        waiting = member.PopAsync(max: 1, order: true, pollMillis: 60_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        test.Time.Advance(TimeSpan.FromSeconds(11));
        var again = Assert.Single((await waiting.WithinDeadline()).Decode());
        Assert.Equal(("b", 1), (again.Text(), again.ReconsumeTimes));
    }

    [Fact]
    public async Task Order_outlives_a_restart()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using (var test = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path }, time))
        {
            var member = await StartAsync(test, "a", "b", "c");
            (await member.AckAsync((await member.TakeAsync(max: 2, order: true))[0])).Succeeded();
        }

        await using var again = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path }, time);
        var other = await PopClient.ConnectAsync(again);
        Assert.Empty(await other.TakeAsync(order: true));
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal([("b", 1), ("c", 0)], (await other.TakeAsync(order: true)).Select(message => (message.Text(), message.ReconsumeTimes)));
    }

    [Fact]
    public async Task Other_queues_go_on_beside_one_that_is_blocked()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        (await member.Client.SendAsync("orders", "a", queueId: 0)).Succeeded();
        (await member.Client.SendAsync("orders", "b", queueId: 1)).Succeeded();
        Assert.Equal("a", Assert.Single(await member.TakeAsync(queueId: 0, order: true)).Text());
        Assert.Equal("b", Assert.Single(await member.TakeAsync(order: true)).Text());
    }

    private static async Task<PopClient> StartAsync(TestBroker test, params string[] bodies)
    {
        var member = await PopClient.ConnectAsync(test);
        foreach (var body in bodies)
        {
            (await member.Client.SendAsync("orders", body)).Succeeded();
        }

        return member;
    }
}
