using System.Text;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>The dead letters of a group can be listed, read, sent again and dropped, and nothing else changes them.</summary>
[Collection(RocketMQCollection.Name)]
public class DeadLetterTests(RocketMQCluster rocketmq)
{
    private const string Me = "conformance";

    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();
    private volatile bool _healed;

    [Fact]
    public async Task Dead_letters_are_listed_page_by_page_and_read_without_being_consumed()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);
        var grain = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);
        Assert.Empty((await grain.ListAsync()).Letters);
        await DieAsync(grain, topic, 7);

        var letters = new List<DeadLetter>();
        DeadLetterPosition? next = null;
        var pages = 0;
        do
        {
            var page = await grain.ListAsync(next, limit: 3);
            Assert.InRange(page.Letters.Count, 1, 3);
            letters.AddRange(page.Letters);
            next = page.Next;
            pages++;
        }
        while (next is not null);

        Assert.Equal(3, pages);
        Assert.Equal(Enumerable.Range(0, 7).Select(number => $"key{number} all"), letters.Select(letter => letter.Keys).Order());
        Assert.All(letters, letter =>
        {
            Assert.Equal(topic, letter.Topic);
            Assert.Equal(SystemTopics.DeadLetter(_group), letter.Position.Queue.Topic);
            Assert.NotNull(letter.OriginMessageId);
            Assert.Equal(1, letter.ReconsumeTimes);
            Assert.Null(letter.BodyError);
        });
        var body = await grain.PeekAsync(letters[4].MessageId);
        Assert.Equal(letters[4].Keys, $"key{Encoding.UTF8.GetString(body!.Body.Span)} all");
        Assert.Null(await grain.PeekAsync("nobody"));
        Assert.Equal(7, (await grain.ListAsync()).Letters.Count);
        await Assert.ThrowsAsync<RocketMQValidationException>(() => grain.ListAsync(limit: 0));
    }

    [Fact]
    public async Task The_letters_of_all_brokers_are_listed_together_and_sent_again_together()
    {
        var brokers = (await rocketmq.MastersAsync()).Count;
        var topic = await rocketmq.CreateTopicAsync(queues: brokers);
        await using var cluster = await ConsumeAsync(topic);
        var grain = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);
        await DieAsync(grain, topic, 3 * brokers);

        var letters = (await grain.ListAsync(limit: 100)).Letters;

        Assert.Equal(brokers, letters.Select(letter => letter.Position.Queue.BrokerName).Distinct().Count());
        _healed = true;
        Assert.Equal(3 * brokers, await grain.ResendByKeyAsync("all", Me));
        await _recorder.UntilAsync(6 * brokers);
        Assert.Empty((await grain.ListAsync()).Letters);
    }

    [Fact]
    public async Task One_sent_again_comes_as_it_was_and_is_no_dead_letter_any_more()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);
        var grain = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);
        await DieAsync(grain, topic, 3);
        var first = _recorder.Deliveries.Single(delivery => delivery.Body == "1").Message;
        var letter = (await grain.ListAsync()).Letters.Single(letter => letter.Keys == "key1 all");
        _healed = true;

        Assert.Equal(1, await grain.ResendAsync(first.MessageId, Me));
        await _recorder.UntilAsync(4);

        var again = _recorder.Deliveries[3];
        Assert.Equal((topic, 0, "1"), (again.Queue.Topic, again.Message.ReconsumeTimes, again.Body));
        Assert.Equal(first.MessageId, again.Message.MessageId);
        Assert.Equal((first.Keys, first.Tags, "grün", 7), (again.Message.Keys, again.Message.Tags, again.Message.GetProperty("color"), again.Message.Flag));
        Assert.Equal(letter.OriginMessageId, again.Message.OriginMessageId);
        Assert.Null(again.Message.GetProperty(MessageProperties.RetryTopic));
        Assert.Null(again.Message.GetProperty(MessageProperties.DelayTimeLevel));
        Assert.Equal(["key0 all", "key2 all"], (await grain.ListAsync()).Letters.Select(other => other.Keys).Order());
        Assert.Equal(0, await grain.ResendAsync(first.MessageId, Me));
    }

    [Fact]
    public async Task All_with_a_key_and_then_all_others_are_sent_again_once_each_and_no_faster_than_wanted()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);
        var grain = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);
        await DieAsync(grain, topic, 10);
        _healed = true;

        Assert.Equal(1, await grain.ResendByKeyAsync("key6", Me));
        Assert.Equal(9, await grain.ResendByKeyAsync("all", Me));
        await _recorder.UntilAsync(20);
        Assert.Empty((await grain.ListAsync()).Letters);

        _healed = false;
        await DieAsync(grain, topic, 10, already: 20);
        _healed = true;
        await grain.ResendByKeyAsync("key3", Me);
        var start = TimeProvider.System.GetTimestamp();
        Assert.True((await grain.ResendAllAsync(messagesPerSecond: 10, Me)).IsRunning);
        var refused = await Assert.ThrowsAnyAsync<RocketMQException>(() => grain.DropAsync(null, Me));
        Assert.Contains("being sent again", refused.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync(async () => !(await grain.GetResendAsync()).IsRunning, "all are sent");

        Assert.True(TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(0.75));
        var end = await grain.GetResendAsync();
        Assert.Equal((9, 0, null), (end.Sent, end.Unreadable, end.Error));
        await _recorder.UntilAsync(40);
        Assert.Equal(40, _recorder.Count);
        Assert.Empty((await grain.ListAsync()).Letters);
    }

    [Fact]
    public async Task What_is_dropped_is_neither_listed_nor_sent_but_stays_in_its_topic()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);
        var grain = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);
        await DieAsync(grain, topic, 6);
        _healed = true;
        var third = (await grain.ListAsync(limit: 2)).Next!;

        Assert.Equal(2, await grain.DropAsync(third, Me));
        Assert.Equal(third, (await grain.ListAsync()).Letters[0].Position);
        Assert.Equal(4, await grain.DropAsync(null, Me));

        Assert.Empty((await grain.ListAsync()).Letters);
        Assert.Equal(0, await grain.ResendByKeyAsync("all", Me));
        Assert.Equal(6, (await rocketmq.ReadAllAsync(SystemTopics.DeadLetter(_group))).Count);

        // What dies later is there again.
        _healed = false;
        await DieAsync(grain, topic, 1, already: 6);
        Assert.Single((await grain.ListAsync()).Letters);
    }

    [Fact]
    public async Task Under_a_permission_without_reading_they_are_an_error_that_says_so_and_are_there_again_afterwards()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(topic);
        var grain = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);
        await DieAsync(grain, topic, 1);
        var queue = (await grain.ListAsync()).Letters[0].Position.Queue;
        await rocketmq.Client.Brokers.CreateTopicAsync(rocketmq.MasterOf(queue), queue.Topic, queues: 1, permission: 2);

        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => grain.ListAsync()) is RocketMQException error
                && error.Message.Contains("permission 2", StringComparison.Ordinal) && error.Message.Contains(queue.Topic, StringComparison.Ordinal),
            "an error instead of a list");
        await Assert.ThrowsAnyAsync<RocketMQException>(() => grain.ResendByKeyAsync("all", Me));

        await rocketmq.Client.Brokers.CreateTopicAsync(rocketmq.MasterOf(queue), queue.Topic, queues: 1);
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(() => grain.ListAsync()) is null, "a list again");
        Assert.Single((await grain.ListAsync()).Letters);
    }

    private Task<TestCluster> ConsumeAsync(string topic) => TestCluster.ConsumeAsync(
        rocketmq.NameServer,
        _group,
        topic,
        _recorder.Then((_, context) =>
        {
            context.DelayLevelWhenNextConsume = ConsumeContext.ToDeadLetters;
            return _healed ? ConsumeResult.Success : ConsumeResult.ReconsumeLater;
        }));

    private async Task DieAsync(IDeadLetterGrain grain, string topic, int count, int already = 0)
    {
        for (var number = 0; number < count; number++)
        {
            await rocketmq.Producer.SendAsync(new Message(topic, Encoding.UTF8.GetBytes($"{number}"), "tag", $"key{number} all") { Flag = 7, ["color"] = "grün" });
        }

        await _recorder.UntilAsync(already + count);
        await Eventually.TrueAsync(async () => (await grain.ListAsync(limit: 100)).Letters.Count == count, $"{count} dead letters of {_group}");
    }
}
