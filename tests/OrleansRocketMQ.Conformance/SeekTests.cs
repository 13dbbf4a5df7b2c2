using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>A group goes on where an operator wants it to: at its begin, its end, a point in time or an offset.</summary>
[Collection(RocketMQCollection.Name)]
public class SeekTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task Everything_comes_again_from_the_begin()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        await using var cluster = await ConsumeAsync(topic, silos: 2);
        await rocketmq.SendAsync(topic, Texts(0, 40));
        await UntilCommittedAsync(topic, 40);

        var offsets = await Management(cluster).SeekAsync(ConsumerScope.OfTopic(topic), SeekTarget.Begin);

        Assert.Equal([0, 0, 0, 0], offsets.Values);
        await _recorder.UntilAsync(80);
        await UntilCommittedAsync(topic, 40);
        Assert.All(_recorder.Bodies.GroupBy(body => body), copies => Assert.Equal(2, copies.Count()));
    }

    [Fact]
    public async Task What_is_before_the_end_is_left_out()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await using var cluster = await ConsumeAsync(topic);
        var management = Management(cluster);
        await management.PauseAsync(ConsumerScope.OfTopic(topic));
        await rocketmq.SendAsync(topic, Texts(0, 20));

        // What a broker has just taken it may tell of a moment later.
        await Eventually.TrueAsync(
            async () => (await management.SeekAsync(ConsumerScope.Everything, SeekTarget.End)).Where(offset => offset.Key.Topic == topic).Sum(offset => offset.Value) == 20, "the end is behind all");
        await UntilCommittedAsync(topic, 20);
        await management.ResumeAsync(ConsumerScope.OfTopic(topic));
        await rocketmq.SendAsync(topic, ["new"]);
        await _recorder.UntilAsync(1);
        await UntilCommittedAsync(topic, 21);

        // A pull that waited at the broker when the pause came may have brought a message; it was not handed out either.
        Assert.Equal(["new"], _recorder.Bodies);
    }

    [Fact]
    public async Task A_point_in_time_is_where_all_queues_go_on()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await using var cluster = await ConsumeAsync(topic);
        await rocketmq.SendAsync(topic, Texts(0, 10));
        await UntilCommittedAsync(topic, 10);
        var between = DateTimeOffset.UtcNow.AddMilliseconds(100);
        await Eventually.TrueAsync(() => DateTimeOffset.UtcNow > between.AddMilliseconds(100), "a moment has passed");
        await rocketmq.SendAsync(topic, Texts(10, 10));
        await UntilCommittedAsync(topic, 20);

        var offsets = await Management(cluster).SeekAsync(ConsumerScope.OfTopic(topic), SeekTarget.AtTime(between));

        Assert.Equal([5, 5], offsets.Values);
        await _recorder.UntilAsync(30);
        await UntilCommittedAsync(topic, 20);
        Assert.Equal(Texts(10, 10).Order(), _recorder.Bodies.Skip(20).Order());
        var end = await Management(cluster).SeekAsync(ConsumerScope.OfTopic(topic), SeekTarget.AtTime(DateTimeOffset.UtcNow.AddDays(1)));
        Assert.All(end.Values, offset => Assert.InRange(offset, 9, 10));
    }

    [Fact]
    public async Task One_queue_goes_on_at_an_offset_and_others_stay_where_they_are()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await using var cluster = await ConsumeAsync(topic);
        await rocketmq.SendAsync(topic, Texts(0, 20));
        await UntilCommittedAsync(topic, 20);
        var queue = (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues[0];

        var offsets = await Management(cluster).SeekAsync(ConsumerScope.OfQueue(queue), SeekTarget.AtOffset(7));

        Assert.Equal(7, offsets[queue]);
        await _recorder.UntilAsync(23);
        await UntilCommittedAsync(topic, 20);
        Assert.Equal([7, 8, 9], _recorder.Deliveries.Skip(20).Select(delivery => delivery.Message.QueueOffset).Order());
        Assert.All(_recorder.Deliveries.Skip(20), delivery => Assert.Equal(queue, delivery.Queue));
        var refused = await Assert.ThrowsAsync<RocketMQValidationException>(() => Management(cluster).SeekAsync(ConsumerScope.OfQueue(queue), SeekTarget.AtOffset(11)));
        Assert.Contains("Offset is '11', expected 0 to 10", refused.Message, StringComparison.Ordinal);
    }

    private Task<TestCluster> ConsumeAsync(string topic, short silos = 1) => TestCluster.ConsumeAsync(
        rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer.Configure(options => options.PersistInterval = TimeSpan.FromMilliseconds(100)), silos);

    private IConsumerGroupManagementGrain Management(TestCluster cluster) => cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(_group);

    private Task UntilCommittedAsync(string topic, long offset)
        => Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == offset, $"{offset} committed");

    private static IEnumerable<string> Texts(int first, int count) => Enumerable.Range(first, count).Select(number => $"message {number:000}");
}
