using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Pause, rate and time limits, as a group's listeners and offsets show them.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class FlowTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_paused_group_consumes_nothing_and_misses_nothing()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(_group);
        await rocketmq.SendAsync(topic, ["before"]);
        await _recorder.UntilAsync(1);

        await management.PauseAsync(ConsumerScope.Everything);
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 20).Select(number => $"{number}"));
        await Task.Delay(1500);
        Assert.Equal(1, _recorder.Count);
        await management.ResumeAsync(ConsumerScope.Everything);

        await _recorder.UntilAsync(21);
        Assert.Equal(21, _recorder.Bodies.Distinct().Count());
    }

    [Fact]
    public async Task A_topic_is_consumed_no_faster_than_its_rate()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(_group);

        await management.LimitRateAsync(topic, 20);
        var start = TimeProvider.System.GetTimestamp();
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 60).Select(number => $"{number}"));
        await _recorder.UntilAsync(60);

        // A second's worth may have been saved up.
        Assert.True(TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(1.9));
    }

    [Fact]
    public async Task A_message_in_work_for_too_long_comes_again_and_holds_nothing_up()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var late = new TaskCompletionSource();
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            async (messages, context, _) =>
            {
                _recorder.Record(messages, context);
                if (messages[0] is { Keys: "slow", ReconsumeTimes: 0 })
                {
                    await late.Task;
                }

                return ConsumeResult.Success;
            },
            consumer => consumer.Configure(options => options.ConsumeTimeout = TimeSpan.FromSeconds(1)));

        await rocketmq.SendAsync(topic, ["slow"], message => message.Keys = "slow");
        await rocketmq.SendAsync(topic, ["a", "b"]);
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 3, "all is committed, long before the listener ends");
        await _recorder.UntilAsync(4); // delay level 3, 10 s

        var again = _recorder.Deliveries[3];
        Assert.Equal(("slow", 1, topic), (again.Body, again.Message.ReconsumeTimes, again.Message.Topic));
        late.SetResult();
        await Eventually.TrueAsync(() => cluster.StatusOf(_group)[0] is { Consumed: 3, Failed: 1, SentBack: 1, LateResults: 1 }, "the late result counts for nothing");
    }
}
