using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public class BroadcastingTests(RocketMQCluster rocketmq) : IDisposable
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly string _folder = Directory.CreateTempSubdirectory("rocketmq-broadcasting").FullName;
    private readonly Recorder _recorder = new();

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Every_silo_gets_every_message_once()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await rocketmq.SendAsync(topic, Texts(0, 40));
        await using var cluster = await BeginAsync(topic, _recorder.Succeed(), silos: 2);

        await _recorder.UntilAsync(80);
        await rocketmq.SendAsync(topic, Texts(40, 10));
        await _recorder.UntilAsync(100);

        Assert.All(_recorder.Bodies.GroupBy(body => body), copies => Assert.Equal(2, copies.Count()));
        Assert.Equal(50, _recorder.Bodies.Distinct().Count());
    }

    [Fact]
    public async Task A_silo_goes_on_where_it_was_after_a_restart()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await rocketmq.SendAsync(topic, Texts(0, 30));
        await using (await BeginAsync(topic, _recorder.Succeed()))
        {
            await _recorder.UntilAsync(30);
        }

        await rocketmq.SendAsync(topic, Texts(30, 10));
        await using var again = await BeginAsync(topic, _recorder.Succeed());
        await Eventually.TrueAsync(() => Texts(30, 10).All(_recorder.Bodies.Contains), "what was sent meanwhile comes");

        Assert.Equal(40, _recorder.Count);
    }

    [Fact]
    public async Task What_fails_is_counted_and_does_not_come_again()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Texts(0, 10));
        await using var cluster = await BeginAsync(
            topic, _recorder.Then((messages, _) => messages[0].QueueOffset == 3 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success));

        await _recorder.UntilAsync(10);
        await Eventually.TrueAsync(() => cluster.StatusOf(_group).Single().Queues.Single().Watermark == 10, "the failed message holds nothing up");

        var status = cluster.StatusOf(_group).Single();
        Assert.Equal((9, 1, 0), (status.Consumed, status.Failed, status.SentBack));
        Assert.Equal(10, _recorder.Count);
        Assert.DoesNotContain(status.Queues, queue => queue.Queue.Topic.StartsWith("%RETRY%", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_new_member_begins_where_it_is_told_to()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, Texts(0, 20));

        await using var cluster = await BeginAsync(topic, _recorder.Succeed(), configure: options => options.ConsumeFromWhere = ConsumeFromWhere.LastOffset);
        await cluster.UntilReadyAsync(_group);
        await rocketmq.SendAsync(topic, ["new"]);
        await Eventually.TrueAsync(() => _recorder.Bodies.Contains("new"), "the new message");

        Assert.Equal(["new"], _recorder.Bodies);
    }

    private static IEnumerable<string> Texts(int first, int count) => Enumerable.Range(first, count).Select(number => $"message {number:000}");

    private Task<TestCluster> BeginAsync(string topic, ListenerScript script, short silos = 1, Action<ConsumerOptions>? configure = null) => TestCluster.BeginAsync(
        rocketmq.NameServer,
        _group,
        topic,
        script,
        consumer => consumer.Configure(options =>
        {
            options.MessageModel = MessageModel.Broadcasting;
            configure?.Invoke(options);
        }),
        silos,
        builder => builder.UseFileStorage().Configure(options => options.OffsetStorePath = _folder));
}
