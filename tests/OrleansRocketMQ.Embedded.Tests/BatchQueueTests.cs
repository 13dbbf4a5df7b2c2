using System.Text;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Tests;

/// <summary>A topic that keeps batches whole (<c>queue.type=BatchCQ</c>).</summary>
public class BatchQueueTests
{
    [Fact]
    public async Task A_batch_is_one_record_whose_messages_have_an_offset_each()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await CreateTopicAsync(test);

        var sent = (await SendAsync(client, "a", "b", "c")).Succeeded();
        (await client.SendAsync("batches", "single")).Succeeded();
        var next = (await SendAsync(client, "d", "e")).Succeeded();

        Assert.Equal(("0", "batch-a"), (sent["queueOffset"], sent["batchUniqId"]));
        Assert.Equal("4", next["queueOffset"]);
        Assert.Equal(6, test.Broker.MaxOffset("batches", 0));
        Assert.Equal(["a", "b", "c", "single", "d", "e"], test.Broker.Messages("batches", 0).Select(message => message.Text()));
        var pulled = (await client.PullAsync("g", "batches", 0)).Succeeded();
        Assert.Equal([0L, 1, 2, 3, 4, 5], pulled.Messages().Select(message => message.QueueOffset));
        Assert.Equal("6", pulled["nextBeginOffset"]);
    }

    [Theory]
    [InlineData(0, 1, "abc", 3)]
    [InlineData(1, 1, "abc", 3)]
    [InlineData(2, 32, "abcde", 5)]
    [InlineData(3, 1, "de", 5)]
    public async Task Who_asks_for_one_message_of_a_batch_gets_all_of_it(int offset, int max, string expected, int next)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await CreateTopicAsync(test);
        await SendAsync(client, "a", "b", "c");
        await SendAsync(client, "d", "e");

        var pulled = (await client.PullAsync("g", "batches", offset, max: max)).Succeeded();

        Assert.Equal(expected, string.Concat(pulled.Bodies()));
        Assert.Equal($"{next}", pulled["nextBeginOffset"]);
    }

    [Fact]
    public async Task Batches_survive_a_restart_and_the_offsets_go_on_behind_them()
    {
        using var folder = new TempFolder();
        await using (var test = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path, BrokerName = "broker-a" }))
        {
            await SendAsync(await CreateTopicAsync(test), "a", "b", "c");
        }

        await using (var test = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path, BrokerName = "broker-a" }))
        {
            var client = await test.ConnectAsync();
            Assert.Equal("3", (await SendAsync(client, "d", "e")).Succeeded()["queueOffset"]);
            Assert.Equal("abcde", string.Concat((await client.PullAsync("g", "batches", 0)).Succeeded().Bodies()));
        }
    }

    [Fact]
    public async Task A_batch_without_an_id_of_its_own_and_one_to_another_topic_are_kept_singly()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await CreateTopicAsync(test);

        (await client.SendBatchAsync("batches", [Text("batches", "a"), Text("batches", "b")])).Succeeded();
        (await client.SendBatchAsync("orders", [Text("orders", "a"), Text("orders", "b")], batchId: "id")).Succeeded();

        Assert.All(test.Broker.Messages("batches", 0).Concat(test.Broker.Messages("orders", 0)), message => Assert.False(message.IsInnerBatch));
        Assert.Equal((2, 2), (test.Broker.MaxOffset("batches", 0), test.Broker.MaxOffset("orders", 0)));
    }

    private static async Task<TestClient> CreateTopicAsync(TestBroker test)
    {
        var client = await test.ConnectAsync();
        (await client.InvokeAsync(
            RequestCodes.UpdateAndCreateTopic,
            ("topic", "batches"), ("defaultTopic", "TBW102"), ("readQueueNums", 1), ("writeQueueNums", 1), ("perm", 6), ("topicFilterType", "SINGLE_TAG"),
            ("topicSysFlag", 0), ("order", false), ("attributes", "+queue.type=BatchCQ"))).Succeeded();
        return client;
    }

    private static Task<Framing.RemotingCommand> SendAsync(TestClient client, params string[] texts)
        => client.SendBatchAsync("batches", texts.Select(text => Text("batches", text)), batchId: $"batch-{texts[0]}");

    private static Message Text(string topic, string text) => new(topic, Encoding.UTF8.GetBytes(text));
}
