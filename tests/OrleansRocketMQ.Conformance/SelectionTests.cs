using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public sealed class SelectionTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    /// <summary>"Aa" and "BB" have the same Java hash code, by which brokers filter; the client must tell them apart.</summary>
    [Fact]
    public async Task Tags_select_exactly_even_where_the_brokers_hash_cannot_tell_them_apart()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer.Subscribe(topic, "Aa || other"));

        foreach (var tag in new[] { "Aa", "BB", "other", "third" })
        {
            await rocketmq.SendAsync(topic, [tag], message => message.Tags = tag);
        }

        await rocketmq.SendAsync(topic, ["no tag"]);
        await rocketmq.SendAsync(topic, ["last", "last"], message => message.Tags = "Aa");
        await _recorder.UntilAsync(4);

        Assert.Equal(["Aa", "last", "last", "other"], _recorder.Bodies.Order());
        await Eventually.TrueAsync(
            async () => await rocketmq.CommittedAsync(_group, topic) == 7, "messages that were filtered out leave no lag behind", TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_condition_over_properties_selects_at_the_broker_or_the_refusal_is_told()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        ScriptedListener.Script(_group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.NameServer,
            builder => builder.AddConsumer<ScriptedListener>(_group, consumer => consumer
                .Subscribe(topic, MessageSelector.BySql("color = 'red' AND price BETWEEN 10 AND 20"))
                .Configure(options => options.ConsumeFromWhere = Configuration.ConsumeFromWhere.FirstOffset)));
        await Eventually.TrueAsync(() => cluster.StatusOf(_group) is [{ IsReady: true } or { Refused.Length: > 0 }], "ready or refused");
        if (cluster.StatusOf(_group)[0].Refused.Length > 0)
        {
            // enablePropertyFilter=false, which is a real broker's default.
            Assert.Contains(topic, cluster.StatusOf(_group)[0].Refused, StringComparison.Ordinal);
            return;
        }

        await SendAsync(topic, "red", 5);
        await SendAsync(topic, "red", 15);
        await SendAsync(topic, "blue", 15);
        await SendAsync(topic, "red", 20);
        await _recorder.UntilAsync(2);

        Assert.Equal(["red 15", "red 20"], _recorder.Bodies.Order());
    }

    /// <summary>A broker keeps the condition with the latest time, and for a day longer than its group.</summary>
    [Fact]
    public async Task A_condition_is_that_of_the_silo_though_a_member_that_has_left_had_another_one_and_a_clock_that_is_ahead()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using (var foreign = PatientClients.Start(rocketmq.NameServer, "zzz@ahead"))
        {
            var theirs = SubscriptionData.From(topic, MessageSelector.BySql("color = 'blue'"), DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds());
            foreign.RegisterConsumer(_group, () => new ConsumerData { GroupName = _group, SubscriptionDataSet = [theirs] }, [topic]);
            await Eventually.TrueAsync(async () => (await rocketmq.MembersAsync(_group, topic)).Count > 0, "the other member");
            await foreign.UnregisterConsumerAsync(_group);
        }

        ScriptedListener.Script(_group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.NameServer,
            builder => builder.AddConsumer<ScriptedListener>(_group, consumer => consumer
                .Subscribe(topic, MessageSelector.BySql("color = 'red'"))
                .Configure(options => options.ConsumeFromWhere = Configuration.ConsumeFromWhere.FirstOffset)));
        await Eventually.TrueAsync(() => cluster.StatusOf(_group) is [{ IsReady: true } or { Refused.Length: > 0 }], "ready or refused");
        if (cluster.StatusOf(_group)[0].Refused.Length > 0)
        {
            // enablePropertyFilter=false, which is a real broker's default.
            return;
        }

        await SendAsync(topic, "blue", 5);
        await SendAsync(topic, "red", 15);
        await _recorder.UntilAsync(1);
        Assert.Equal("red 15", Assert.Single(_recorder.Bodies));
    }

    [Fact]
    public async Task A_condition_that_is_none_is_refused_by_name_and_the_silo_goes_on()
    {
        var topic = await rocketmq.CreateTopicAsync();
        var good = await rocketmq.CreateTopicAsync();
        ScriptedListener.Script(_group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.NameServer,
            builder => builder.AddConsumer<ScriptedListener>(_group, consumer => consumer
                .Subscribe(topic, MessageSelector.BySql("color = = 'red'"))
                .Subscribe(good)
                .Configure(options => options.ConsumeFromWhere = Configuration.ConsumeFromWhere.FirstOffset)));

        await Eventually.TrueAsync(() => cluster.StatusOf(_group) is [{ Refused.Length: > 0 }], "the condition is refused");
        Assert.Contains(topic, cluster.StatusOf(_group)[0].Refused, StringComparison.Ordinal);
        await rocketmq.SendAsync(good, ["still consumed"]);
        await _recorder.UntilAsync(1);
    }

    private Task SendAsync(string topic, string color, int price) => rocketmq.SendAsync(topic, [$"{color} {price}"], message =>
    {
        message["color"] = color;
        message["price"] = price.ToString(System.Globalization.CultureInfo.InvariantCulture);
    });
}
