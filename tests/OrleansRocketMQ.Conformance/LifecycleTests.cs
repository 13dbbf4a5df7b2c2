using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>One consumer starts and stops while its silo and the others run on.</summary>
[Collection(RocketMQCollection.Name)]
public class LifecycleTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_consumer_that_stops_leaves_its_group_and_goes_on_where_it_was_when_it_starts_again()
    {
        var topic = await rocketmq.CreateTopicAsync();
        var neighbour = RocketMQCluster.NewName("group");
        var beside = new Recorder();
        ScriptedListener.Script(_group, _recorder.Succeed());
        ScriptedListener.Script(neighbour, beside.Succeed());
        await using var cluster = await TestCluster.StartAsync(rocketmq.NameServer, builder =>
        {
            foreach (var group in new[] { _group, neighbour })
            {
                builder.AddConsumer<ScriptedListener>(group, consumer => consumer
                    .Subscribe(topic).Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset));
            }
        });
        await cluster.UntilReadyAsync(_group);
        await cluster.UntilReadyAsync(neighbour);
        await rocketmq.SendAsync(topic, ["1", "2", "3"]);
        await _recorder.UntilAsync(3);
        await beside.UntilAsync(3);
        var consumer = cluster.Consumer(_group);
        Assert.Equal(ConsumerState.Running, consumer.State);

        await consumer.StopAsync();
        Assert.Equal(ConsumerState.Stopped, consumer.State);
        Assert.Empty(await rocketmq.MembersAsync(_group, topic));
        Assert.Equal(3, await rocketmq.CommittedAsync(_group, topic));
        await rocketmq.SendAsync(topic, ["4", "5"]);
        await beside.UntilAsync(5);
        Assert.Equal(3, _recorder.Count);

        await consumer.StartAsync();
        Assert.Equal(ConsumerState.Running, consumer.State);
        await _recorder.UntilAsync(5);
        Assert.Equal(["1", "2", "3", "4", "5"], _recorder.Bodies.Order());
        Assert.Equal(["1", "2", "3", "4", "5"], beside.Bodies.Order());
    }

    [Fact]
    public async Task Another_silo_takes_the_queues_of_a_consumer_that_stops_and_gives_them_back_when_it_starts()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 8);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), silos: 2);
        await UntilQueuesAsync(cluster, topic, [4, 4]);

        await cluster.Consumer(_group).StopAsync();
        await UntilQueuesAsync(cluster, topic, [8]);
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 40).Select(number => $"{number}"));
        await _recorder.UntilAsync(40);
        await cluster.Consumer(_group).StartAsync();
        await UntilQueuesAsync(cluster, topic, [4, 4]);
        await rocketmq.SendAsync(topic, Enumerable.Range(40, 40).Select(number => $"{number}"));
        await _recorder.UntilAsync(80);

        Assert.Equal(80, _recorder.Count);
        Assert.Equal(80, _recorder.Bodies.Distinct().Count());
    }

    [Fact]
    public async Task A_consumer_that_restarts_under_load_loses_nothing_and_repeats_nothing()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 8);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), silos: 2);
        await UntilQueuesAsync(cluster, topic, [4, 4]);

        var sending = rocketmq.SendAsync(topic, Enumerable.Range(0, 400).Select(number => $"{number}"));
        await _recorder.UntilAsync(50);
        await cluster.Consumer(_group).RestartAsync();
        await sending;
        await Eventually.TrueAsync(() => _recorder.Bodies.Distinct().Count() == 400, () => $"400 messages; there are {_recorder.Bodies.Distinct().Count()}");
        await UntilQueuesAsync(cluster, topic, [4, 4]);

        Assert.Equal(400, _recorder.Count);
    }

    [Fact]
    public async Task A_consumer_without_auto_start_gets_its_listener_and_its_topics_before_it_is_started()
    {
        var topic = await rocketmq.CreateTopicAsync();
        var received = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var cluster = await TestCluster.StartAsync(rocketmq.NameServer, builder => builder.AddConsumer(_group, consumer => consumer
            .Configure(options => (options.AutoStart, options.ConsumeFromWhere) = (false, ConsumeFromWhere.FirstOffset))));
        var control = cluster.Consumer(_group);
        await rocketmq.SendAsync(topic, ["hello"]);
        Assert.Equal(ConsumerState.Stopped, control.State);
        Assert.Empty(await rocketmq.MembersAsync(_group, topic));

        control.Handle((message, _) =>
        {
            received.TrySetResult(System.Text.Encoding.UTF8.GetString(message.Body.Span));
            return Task.CompletedTask;
        });
        await control.Subscriptions.SubscribeAsync(topic);
        await control.StartAsync();

        Assert.Equal("hello", await received.Task.WaitAsync(Eventually.Deadline));
    }

    private Task UntilQueuesAsync(TestCluster cluster, string topic, int[] expected) => Eventually.TrueAsync(
        () => Queues(cluster, topic).SequenceEqual(expected),
        () => $"{string.Join(" and ", expected)} queues; they are {string.Join(" and ", Queues(cluster, topic))}");

    private IEnumerable<int> Queues(TestCluster cluster, string topic) => cluster.StatusOf(_group)
        .Select(status => status.Queues.Count(queue => queue.Queue.Topic == topic && queue.NextPullOffset >= 0))
        .OrderDescending();
}
