using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Tests;

/// <summary>Queues that messages of ordinary topics name.</summary>
public class LightQueueTests
{
    private const string Mine = "%LMQ%mine";
    private const string Others = "%LMQ%others";

    [Fact]
    public async Task A_message_is_listed_in_each_queue_that_it_names_and_says_at_which_offsets()
    {
        await using var test = await TestBroker.StartAsync(WithLightQueues);
        var client = await test.ConnectAsync();

        await SendAsync(client, "a", Others);
        await SendAsync(client, "b", $"{Others},no light queue,{Mine}");
        (await client.SendAsync("orders", "c")).Succeeded();

        Assert.Equal(["a", "b", "c"], test.Broker.Messages("orders", 0).Select(message => message.Text()));
        Assert.Equal(["b"], (await client.PullAsync("g", Mine, 0)).Succeeded().Bodies());
        var both = (await client.PullAsync("g", Others, 0)).Succeeded();
        Assert.Equal(["a", "b"], both.Bodies());
        Assert.Equal((Others + "," + Mine, "1,0"), (both.Messages()[1].GetProperty(MessageProperties.MultiDispatch), both.Messages()[1].GetProperty(MessageProperties.MultiQueueOffset)));
        (await client.PullAsync("g", Mine, 0, queueId: 1)).FailedWith(ResponseCodes.InvalidParameter);
        var nameServer = await test.ConnectToNameServerAsync();
        (await nameServer.InvokeAsync(RequestCodes.GetRouteInfoByTopic, ("topic", Mine))).FailedWith(ResponseCodes.TopicNotExist);
    }

    [Fact]
    public async Task A_pull_of_a_light_queue_waits_for_a_message_that_names_it()
    {
        await using var test = await TestBroker.StartAsync(WithLightQueues);
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags(Mine));
        var waiting = client.PullAsync("g", Mine, 0, flags: PullSysFlag.Suspend, suspendMillis: 60_000);
        await Eventually.TrueAsync(() => test.Broker.HeldPulls == 1, "the pull waits");

        await SendAsync(client, "a", Others);
        Assert.Equal(1, test.Broker.HeldPulls);
        await SendAsync(client, "b", Mine);

        Assert.Equal(["b"], (await waiting).Succeeded().Bodies());
    }

    [Fact]
    public async Task Light_queues_and_what_groups_have_consumed_of_them_survive_a_restart()
    {
        using var folder = new TempFolder();
        EmbeddedRocketMQOptions Kept(EmbeddedRocketMQOptions options) => WithLightQueues(options) with { DataFolder = folder.Path, BrokerName = "broker-a" };
        await using (var test = await TestBroker.StartAsync(Kept))
        {
            var client = await test.ConnectAsync();
            await SendAsync(client, "a", Mine);
            await SendAsync(client, "b", $"{Mine},{Others}");
            await client.HeartbeatAsync("g", subscriptions: TestClient.Tags(Mine));
            await OffsetTests.CommitAsync(client, "g", Mine, 0, 1);
        }

        await using (var test = await TestBroker.StartAsync(Kept))
        {
            var client = await test.ConnectAsync();
            Assert.Equal(1, test.Broker.CommittedOffset("g", Mine, 0));
            await SendAsync(client, "c", Mine);
            Assert.Equal(["a", "b", "c"], (await client.PullAsync("g", Mine, 0)).Succeeded().Bodies());
            Assert.Equal(["b"], (await client.PullAsync("g", Others, 0)).Succeeded().Bodies());
            Assert.Equal(3, test.Broker.MaxOffset(Mine, 0));
        }
    }

    [Fact]
    public async Task A_delayed_message_is_listed_when_it_is_delivered_and_one_that_comes_again_is_not()
    {
        await using var test = await TestBroker.StartAsync(WithLightQueues);
        var client = await test.ConnectAsync();
        (await client.SendAsync("orders", "later", properties: [(MessageProperties.MultiDispatch, Mine), (MessageProperties.DelayTimeLevel, "1")])).Succeeded();
        Assert.Equal(0, test.Broker.MaxOffset(Mine, 0));

        test.Time.Advance(TimeSpan.FromSeconds(2));
        await Eventually.TrueAsync(() => test.Broker.MaxOffset(Mine, 0) == 1, "it is delivered");

        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags(Mine));
        (await client.SendAsync("%RETRY%g", "again", properties: [(MessageProperties.MultiDispatch, Mine)])).Succeeded();
        Assert.Equal(1, test.Broker.MaxOffset(Mine, 0));
    }

    [Fact]
    public async Task Without_the_setting_there_are_none()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        await SendAsync(client, "a", Mine);

        (await client.PullAsync("g", Mine, 0)).FailedWith(ResponseCodes.TopicNotExist);
        Assert.Null(Assert.Single(test.Broker.Messages("orders", 0)).GetProperty(MessageProperties.MultiQueueOffset));
    }

    private static EmbeddedRocketMQOptions WithLightQueues(EmbeddedRocketMQOptions options) => options with { EnableLmq = true };

    private static async Task SendAsync(TestClient client, string body, string queues)
        => (await client.SendAsync("orders", body, properties: [(MessageProperties.MultiDispatch, queues)])).Succeeded();
}
