using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>Pops, and questions for messages, that wait.</summary>
public class PopPollingTests
{
    [Theory]
    [InlineData(PopRequest.AnyQueue)]
    [InlineData(2)]
    public async Task A_message_wakes_a_pop_of_its_queue_or_of_any(int queueId)
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        var waiting = member.PopAsync(queueId, pollMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        (await member.Client.SendAsync("orders", "elsewhere", queueId: queueId == 2 ? 1 : 0)).Succeeded();
        (await member.Client.SendAsync("orders", "a", queueId: 2)).Succeeded();
        Assert.Equal(queueId == 2 ? "a" : "elsewhere", (await waiting.WithinDeadline()).Decode()[0].Text());
        Assert.Equal(0, test.Broker.HeldPops);
    }

    [Fact]
    public async Task One_message_wakes_one_member_of_each_group()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        var stranger = await PopClient.ConnectAsync(test, "h");
        var waiting = new[] { member.PopAsync(pollMillis: 15_000), (await PopClient.ConnectAsync(test)).PopAsync(pollMillis: 15_000) };
        var strangers = stranger.PopAsync(pollMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 3);
        (await member.Client.SendAsync("orders", "a")).Succeeded();
        Assert.Single((await strangers.WithinDeadline()).Decode());
        Assert.Single((await (await Task.WhenAny(waiting).WithinDeadline())).Decode());
        Assert.Equal(1, test.Broker.HeldPops);
    }

    [Fact]
    public async Task A_message_nobody_wants_wakes_nobody()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        (await member.Client.SendAsync("orders", "first", "green")).Succeeded();
        var waiting = member.PopAsync(pollMillis: 15_000, exp: "blue");
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        (await member.Client.SendAsync("orders", "b", "green")).Succeeded();
        Assert.Equal(1, test.Broker.HeldPops);
        (await member.Client.SendAsync("orders", "c", "blue")).Succeeded();
        Assert.Equal("c", Assert.Single((await waiting.WithinDeadline()).Decode()).Text());
    }

    [Fact]
    public async Task Who_has_waited_long_enough_is_told_so()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        var waiting = member.PopAsync(pollMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        test.Time.Advance(TimeSpan.FromSeconds(14.9));
        Assert.False(waiting.IsCompleted);
        test.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(PopStatus.NotFound, (await waiting.WithinDeadline()).Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_message_that_comes_again_wakes_only_with_retry_topics_of_version_2(bool isV2)
    {
        await using var test = await TestBroker.StartAsync(options => options with { EnableRetryTopicV2 = isV2 });
        var member = await StartAsync(test);
        (await member.Client.SendAsync("orders", "a")).Succeeded();
        await member.TakeAsync();
        var waiting = member.PopAsync(pollMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        test.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(1, test.Broker.MaxOffset(isV2 ? "%RETRY%g+orders" : "%RETRY%g_orders", 0));
        Assert.Equal(isV2 ? 0 : 1, test.Broker.HeldPops);

        // Which of the two topics is looked at is a matter of turns, so it may take another pop.
        test.Time.Advance(TimeSpan.FromSeconds(5));
        var messages = (await waiting.WithinDeadline()).Decode();
        Assert.Equal("a", (messages.Count > 0 ? messages : await member.TakeAsync())[0].Text());
    }

    [Fact]
    public async Task Too_many_that_wait_are_not_held()
    {
        await using var test = await TestBroker.StartAsync(options => options with { PopPollingSize = 1 });
        var member = await StartAsync(test);
        var waiting = new[] { member.PopAsync(pollMillis: 15_000), member.PopAsync(pollMillis: 15_000) };
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 2);
        Assert.Equal(PopStatus.PollingFull, (await member.PopAsync(pollMillis: 15_000)).Status);
        var other = member.PopAsync(queueId: 1, pollMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 3);
        test.Time.Advance(TimeSpan.FromSeconds(15));
        Assert.All(await Task.WhenAll([.. waiting, other]).WithinDeadline(), result => Assert.Equal(PopStatus.NotFound, result.Status));
    }

    [Fact]
    public async Task Who_has_gone_is_not_held_and_takes_no_message()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        var gone = await PopClient.ConnectAsync(test);
        var waiting = gone.PopAsync(pollMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        await gone.Client.DisposeAsync();
        await Assert.ThrowsAnyAsync<RocketMQException>(() => waiting.WithinDeadline());
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 0);
        (await member.Client.SendAsync("orders", "a")).Succeeded();
        Assert.Equal(0, test.Broker.PoppedMessages("g", "orders"));
        Assert.Single(await member.TakeAsync());
    }

    [Fact]
    public async Task A_broker_that_stops_lets_nobody_wait()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        var waiting = member.PopAsync(pollMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        await test.Broker.StopAsync();
        await Assert.ThrowsAnyAsync<RocketMQException>(() => waiting.WithinDeadline());
        Assert.Equal(0, test.Broker.HeldPops);
    }

    [Fact]
    public async Task A_clock_that_is_ahead_holds_nobody_longer_than_he_wants()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        var waiting = member.AskAsync(pollMillis: 1_000, born: member.Now + 1_000_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        test.Time.Advance(TimeSpan.FromSeconds(1));
        (await waiting.WithinDeadline()).FailedWith(ResponseCodes.PollingTimeout);
    }

    [Fact]
    public async Task Questions_for_messages_are_answered_when_there_are_some_and_take_none()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await StartAsync(test);
        Assert.Equal("false", (await member.AskNotificationAsync()).Succeeded()["hasMsg"]);

        var waiting = member.AskNotificationAsync(pollMillis: 15_000);
        var pop = member.PopAsync(queueId: 3, pollMillis: 15_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPops == 1);
        (await member.Client.SendAsync("orders", "a", queueId: 1)).Succeeded();
        Assert.Equal("true", (await waiting.WithinDeadline()).Succeeded()["hasMsg"]);
        Assert.Equal("false", (await member.AskNotificationAsync(queueId: 0)).Succeeded()["hasMsg"]);
        Assert.Equal("true", (await member.AskNotificationAsync(queueId: 1)).Succeeded()["hasMsg"]);

        Assert.Single(await member.TakeAsync(order: true));
        Assert.Equal("false", (await member.AskNotificationAsync(order: true)).Succeeded()["hasMsg"]);
        test.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal("true", (await member.AskNotificationAsync(order: true)).Succeeded()["hasMsg"]);
        test.Time.Advance(TimeSpan.FromSeconds(5));
        await pop.WithinDeadline();
    }

    private static async Task<PopClient> StartAsync(TestBroker test)
    {
        test.Broker.CreateTopic("orders", 4);
        return await PopClient.ConnectAsync(test);
    }
}
