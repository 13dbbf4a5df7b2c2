using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public sealed class OffsetTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task What_was_consumed_is_committed_at_the_stop_and_does_not_come_again()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using (await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer
            .Configure(options => options.PersistInterval = TimeSpan.FromHours(1))))
        {
            await rocketmq.SendAsync(topic, Texts(100));
            await _recorder.UntilAsync(100);
        }

        Assert.Equal(100, await rocketmq.CommittedAsync(_group, topic));

        await using var again = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        await rocketmq.SendAsync(topic, ["new"]);
        await Eventually.TrueAsync(() => _recorder.Bodies.Contains("new"), "the new message");
        Assert.Equal(101, _recorder.Count);
    }

    [Fact]
    public async Task Progress_is_committed_while_running()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer
            .Configure(options => options.PersistInterval = TimeSpan.FromMilliseconds(100)));

        await rocketmq.SendAsync(topic, Texts(40));

        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 40, "40 messages committed");
    }

    [Fact]
    public async Task An_unfinished_message_is_not_committed_and_comes_again()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var started = new TaskCompletionSource();
        await using (await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            async (messages, context, cancellationToken) =>
            {
                if (messages[0].Keys == "stuck")
                {
                    started.SetResult();
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                }

                _recorder.Record(messages, context);
                return ConsumeResult.Success;
            },
            consumer => consumer.Configure(options => options.ConsumeBatchSize = 1)))
        {
            await rocketmq.SendAsync(topic, Texts(10));
            await rocketmq.SendAsync(topic, ["stuck"], message => message.Keys = "stuck");
            await rocketmq.SendAsync(topic, Texts(10));
            await started.Task.WaitAsync(Eventually.Deadline);
            await _recorder.UntilAsync(20);
        }

        // The listener was told to stop and threw: the message went back to the broker, or stayed uncommitted.
        var rest = new Recorder();
        await using var again = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, rest.Succeed());
        await Eventually.TrueAsync(() => rest.Bodies.Contains("stuck"), "the unfinished message comes again");
    }

    [Theory]
    [InlineData(ConsumeFromWhere.FirstOffset)]
    [InlineData(ConsumeFromWhere.Timestamp)]
    [InlineData(ConsumeFromWhere.MinOffset)]
    public async Task A_new_group_can_begin_at_the_first_message_or_at_a_time(ConsumeFromWhere where)
    {
        var topic = await rocketmq.CreateTopicAsync();
        await rocketmq.SendAsync(topic, Texts(20));

        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer
            .Configure(options =>
            {
                options.ConsumeFromWhere = where;
                options.ConsumeTimestamp = DateTimeOffset.UtcNow.AddHours(-1);
            }));

        await _recorder.UntilAsync(20);
        Assert.Equal(Texts(20).Order(), _recorder.Bodies.Order());
    }

    [Theory]
    [InlineData(ConsumeFromWhere.LastOffset)]
    [InlineData(ConsumeFromWhere.MaxOffset)]
    public async Task A_new_group_can_leave_out_the_history_of_a_young_topic(ConsumeFromWhere where)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Texts(20));

        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer
            .Configure(options => (options.ConsumeFromWhere, options.SkipHistory) = (where, true)));
        await rocketmq.SendAsync(topic, ["new"]);
        await Eventually.TrueAsync(() => _recorder.Bodies.Contains("new"), "the new message");

        Assert.Equal(["new"], _recorder.Bodies);
    }

    [Theory]
    [InlineData(ConsumeFromWhere.LastOffset)]
    [InlineData(ConsumeFromWhere.MaxOffset)]
    public async Task Otherwise_a_young_topic_is_begun_at_its_first_message_by_the_brokers_own_rule(ConsumeFromWhere where)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Texts(20));

        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer.Configure(options => options.ConsumeFromWhere = where));
        await _recorder.UntilAsync(20);

        Assert.Equal(Texts(20).Order(), _recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_time_between_two_messages_is_where_a_new_group_begins()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Texts(5));
        var between = DateTimeOffset.UtcNow.AddMilliseconds(50);
        await Eventually.TrueAsync(() => DateTimeOffset.UtcNow > between.AddMilliseconds(50), "a moment has passed");
        await rocketmq.SendAsync(topic, ["later 1", "later 2"]);

        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer
            .Configure(options => (options.ConsumeFromWhere, options.ConsumeTimestamp, options.SkipHistory) = (ConsumeFromWhere.Timestamp, between, false)));
        string[] later = ["later 1", "later 2"];
        await Eventually.TrueAsync(() => later.All(_recorder.Bodies.Contains), "the later messages");
        if (_recorder.Count > later.Length)
        {
            // A broker that calls the queue young begins it at 0, whatever the group wants: with all of the first ones, in any order.
            await _recorder.UntilAsync(7);
            later = [.. Texts(5), .. later];
        }

        Assert.Equal(later.Order(), _recorder.Bodies.Order());
    }

    [Theory]
    [InlineData(ConsumeFromWhere.LastOffset)]
    [InlineData(ConsumeFromWhere.FirstOffset)]
    [InlineData(ConsumeFromWhere.MinOffset)]
    public async Task A_stored_offset_goes_before_every_rule(ConsumeFromWhere where)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Texts(10));
        await using (await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed()))
        {
            await _recorder.UntilAsync(10);
        }

        await rocketmq.SendAsync(topic, ["meanwhile"]);
        var again = new Recorder();
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer, _group, topic, again.Succeed(), consumer => consumer.Configure(options => options.ConsumeFromWhere = where));
        await again.UntilAsync(1);

        Assert.Equal(["meanwhile"], again.Bodies);
    }

    private static IEnumerable<string> Texts(int count) => Enumerable.Range(0, count).Select(number => $"message {number:000}");
}
