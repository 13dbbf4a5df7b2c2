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

    private static IEnumerable<string> Texts(int count) => Enumerable.Range(0, count).Select(number => $"message {number:000}");
}
