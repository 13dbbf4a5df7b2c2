using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Messages are found by their keys, by the id their producer gave, and by time.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class QueryTests(RocketMQCluster rocketmq)
{
    private static readonly DateTimeOffset Begin = DateTimeOffset.UnixEpoch;
    private static readonly DateTimeOffset End = DateTimeOffset.UtcNow.AddDays(1);

    [Fact]
    public async Task Messages_are_found_by_each_of_their_keys_and_by_no_other()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, ["a", "b"], message => message.Keys = "order-1 customer-7");
        await rocketmq.SendAsync(topic, ["c"], message => message.Keys = "order-2 customer-7");
        await rocketmq.SendAsync(topic, ["without"]);

        Assert.Equal(["a", "b"], await FindAsync(topic, "order-1", expected: 2));
        Assert.Equal(["c"], await FindAsync(topic, "order-2", expected: 1));
        Assert.Equal(["a", "b", "c"], await FindAsync(topic, "customer-7", expected: 3));
        Assert.Empty(await FindAsync(topic, "order", expected: 0));
        Assert.Empty(await FindAsync(await rocketmq.CreateTopicAsync(queues: 1), "order-1", expected: 0));
    }

    [Fact]
    public async Task A_message_is_found_by_the_id_its_producer_gave()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var sent = await rocketmq.Producer.SendAsync(new Message(topic, "x"u8.ToArray()));
        await rocketmq.SendAsync(topic, ["another"]);

        var found = await Eventually.GetAsync(
            async () => await QueryAsync(topic, sent.MessageId, Begin, End, byId: true) is { Count: > 0 } all ? all : null, "the message");

        Assert.Equal(sent.OffsetMessageId, Assert.Single(found).OffsetMessageId);
    }

    [Fact]
    public async Task Only_messages_of_the_time_asked_for_are_found()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, ["x"], message => message.Keys = "key");
        Assert.Equal(["x"], await FindAsync(topic, "key", expected: 1));
        var stored = DateTimeOffset.FromUnixTimeMilliseconds(Assert.Single(await rocketmq.ReadAllAsync(topic)).StoreTimestamp);

        Assert.Single(await QueryAsync(topic, "key", stored.AddSeconds(-2), stored.AddSeconds(2)));
        Assert.Empty(await QueryAsync(topic, "key", Begin, stored.AddSeconds(-5)));
        Assert.Empty(await QueryAsync(topic, "key", stored.AddSeconds(5), End));
    }

    [Fact]
    public async Task Of_too_many_messages_the_last_ones_are_found()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 10).Select(number => $"{number}"), message => message.Keys = "key");
        Assert.Equal(10, (await FindAsync(topic, "key", expected: 10)).Count);

        var found = await rocketmq.Client.Brokers.QueryMessagesAsync(await MasterAsync(topic), topic, "key", Begin, End, most: 3);

        Assert.Equal(["7", "8", "9"], found.Select(Text));
    }

    /// <summary>Real brokers index in the background.</summary>
    private async Task<List<string>> FindAsync(string topic, string key, int expected)
    {
        List<string> found = [];
        await Eventually.TrueAsync(
            async () => (found = [.. (await QueryAsync(topic, key, Begin, End)).Select(Text)]).Count >= expected,
            $"{expected} messages of {key}");
        return found;
    }

    private async Task<IReadOnlyList<MessageExt>> QueryAsync(
        string topic, string key, DateTimeOffset from, DateTimeOffset to, bool byId = false)
        => await rocketmq.Client.Brokers.QueryMessagesAsync(await MasterAsync(topic), topic, key, from, to, byId: byId);

    private async Task<string> MasterAsync(string topic) => Assert.Single(await rocketmq.MastersOfAsync(topic));

    private static string Text(MessageExt message) => System.Text.Encoding.UTF8.GetString(message.Body.Span);
}
