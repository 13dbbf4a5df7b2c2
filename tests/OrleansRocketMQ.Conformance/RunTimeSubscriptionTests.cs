using System.Text;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Subscriptions that change while the group runs.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class RunTimeSubscriptionTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_topic_subscribed_to_at_run_time_is_consumed_by_every_silo()
    {
        var topic = await rocketmq.CreateTopicAsync();
        var more = await rocketmq.CreateTopicAsync(queues: 4);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), silos: 2);

        await cluster.Consumer(_group).Subscriptions.SubscribeAsync(more);
        await UntilQueuesAsync(cluster, more, [2, 2]);
        await rocketmq.SendAsync(more, Enumerable.Range(0, 40).Select(number => $"{number}"));
        await _recorder.UntilAsync(40);

        Assert.Equal(40, _recorder.Bodies.Distinct().Count());
        Assert.True(cluster.Consumer(_group, silo: 1).Subscriptions.IsSubscribed(more));
    }

    [Fact]
    public async Task A_topic_given_up_is_committed_and_not_consumed_any_more_and_others_go_on()
    {
        var topic = await rocketmq.CreateTopicAsync();
        var other = await rocketmq.CreateTopicAsync();
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer
            .Subscribe(other).Configure(options => options.PersistInterval = TimeSpan.FromHours(1)), silos: 2);
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 20).Select(number => $"{number}"));
        await _recorder.UntilAsync(20);

        await cluster.Consumer(_group, silo: 1).Subscriptions.UnsubscribeAsync(topic);
        await UntilQueuesAsync(cluster, topic, [0, 0]);
        Assert.Equal(20, await rocketmq.CommittedAsync(_group, topic));
        await rocketmq.SendAsync(topic, ["not for us"]);
        await rocketmq.SendAsync(other, ["still for us"]);
        await _recorder.UntilAsync(21);

        Assert.Equal("still for us", _recorder.Bodies.Last());
        Assert.Equal(20, await rocketmq.CommittedAsync(_group, topic));

        await cluster.Consumer(_group).Subscriptions.SubscribeAsync(topic);
        await _recorder.UntilAsync(22);
        Assert.Equal("not for us", _recorder.Bodies.Last());
    }

    [Fact]
    public async Task A_new_selector_applies_to_the_pulls_that_follow_without_waiting_for_one_that_is_held()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer, _group, topic, _recorder.Succeed(), consumer => consumer.Subscribe(topic, "Aa").Configure(options => options.PullSuspendTimeout = TimeSpan.FromMinutes(1)));
        await rocketmq.SendAsync(topic, ["first"], message => message.Tags = "Aa");
        await _recorder.UntilAsync(1);

        await cluster.Consumer(_group).Subscriptions.UpdateSelectorAsync(topic, MessageSelector.ByTag("C || D"));
        await Eventually.TrueAsync(async () => await SelectsAsync(topic, "C || D"), "the broker knows the new selector");

        // "Aa" and "BB" share a hash code, "C" and "D" do not.
        foreach (var tag in new[] { "Aa", "BB", "C", "D" })
        {
            await rocketmq.SendAsync(topic, [tag], message => message.Tags = tag);
        }

        // Sooner than the old pull would have ended.
        await Eventually.TrueAsync(() => _recorder.Count >= 3, () => $"3 deliveries; there are {_recorder.Count}", TimeSpan.FromSeconds(30));
        Assert.Equal(["C", "D", "first"], _recorder.Bodies.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_subscription_that_is_inactive_waits_and_misses_nothing()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        var subscriptions = cluster.Consumer(_group).Subscriptions;

        await subscriptions.DeactivateAsync(topic);
        await UntilQueuesAsync(cluster, topic, [0]);
        await rocketmq.SendAsync(topic, ["1", "2", "3"]);
        Assert.Equal(0, _recorder.Count);
        await subscriptions.ActivateAsync(topic);
        await _recorder.UntilAsync(3);

        Assert.Equal(["1", "2", "3"], _recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_condition_the_broker_does_not_accept_is_refused_and_changes_nothing()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        var subscriptions = cluster.Consumer(_group).Subscriptions;

        var error = await Assert.ThrowsAsync<InvalidSelectorException>(() => subscriptions.UpdateSelectorAsync(topic, MessageSelector.BySql("color = = 'red'")));
        await rocketmq.SendAsync(topic, ["still consumed"]);
        await _recorder.UntilAsync(1);

        Assert.Equal(topic, error.Topic);
        Assert.Equal(MessageSelector.All, subscriptions.Get(topic).Selector);
    }

    [Fact]
    public async Task A_silo_that_joins_later_has_the_subscriptions_the_others_have()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        var more = await rocketmq.CreateTopicAsync(queues: 4);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        await cluster.Consumer(_group).Subscriptions.SubscribeAsync(more, MessageSelector.ByTag("a"));
        await cluster.Consumer(_group).Subscriptions.UnsubscribeAsync(topic);
        await UntilQueuesAsync(cluster, more, [4]);

        await cluster.Silos.StartAdditionalSiloAsync();

        await UntilQueuesAsync(cluster, more, [2, 2]);
        await UntilQueuesAsync(cluster, topic, [0, 0]);
        Assert.Equal(
            cluster.Consumer(_group).Subscriptions.List(), cluster.Consumer(_group, silo: 1).Subscriptions.List());
    }

    private async Task<bool> SelectsAsync(string topic, string expression)
    {
        var queue = (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues[0];
        var request = RemotingCommand.Request(RequestCodes.GetConsumerConnectionList);
        request.Set("consumerGroup", _group);
        var answer = await rocketmq.Client.Remoting.InvokeAsync(rocketmq.MasterOf(queue), request);
        return Encoding.UTF8.GetString(answer.Body.Span).Contains($"\"{expression}\"", StringComparison.Ordinal);
    }

    private Task UntilQueuesAsync(TestCluster cluster, string topic, int[] expected) => Eventually.TrueAsync(
        () => Queues(cluster, topic).SequenceEqual(expected),
        () => $"{string.Join(" and ", expected)} queues of {topic}; they are {string.Join(" and ", Queues(cluster, topic))}");

    private IEnumerable<int> Queues(TestCluster cluster, string topic) => cluster.StatusOf(_group)
        .Select(status => status.Queues.Count(queue => queue.Queue.Topic == topic && queue.NextPullOffset >= 0))
        .OrderDescending();
}
