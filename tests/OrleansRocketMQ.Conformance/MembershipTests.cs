using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public class MembershipTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task Two_silos_share_the_queues_evenly_and_each_message_is_consumed_once()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 8);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), silos: 2);
        await UntilShareAsync(cluster, topic, [4, 4]);

        await rocketmq.SendAsync(topic, Enumerable.Range(0, 200).Select(number => $"{number}"));
        await _recorder.UntilAsync(200);

        Assert.Equal(200, _recorder.Bodies.Distinct().Count());
        Assert.Equal(2, (await rocketmq.MembersAsync(_group, topic)).Count);
    }

    [Fact]
    public async Task The_queues_of_every_broker_are_consumed_and_each_broker_knows_every_member()
    {
        var brokers = await rocketmq.MastersAsync();
        var topic = await rocketmq.CreateTopicAsync(queues: 2 * brokers.Count);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), silos: 2);
        await UntilShareAsync(cluster, topic, [brokers.Count, brokers.Count]);

        await rocketmq.SendAsync(topic, Enumerable.Range(0, 40 * brokers.Count).Select(number => $"{number}"));
        await _recorder.UntilAsync(40 * brokers.Count);

        var route = await rocketmq.Client.Routes.GetAsync(topic);
        Assert.Equal(brokers.Order(), (await rocketmq.MastersOfAsync(topic)).Order());
        Assert.Equal(route.ReadQueues.Order(), _recorder.Deliveries.Select(delivery => delivery.Queue).Distinct().Order());
        foreach (var broker in brokers)
        {
            Assert.Equal(2, (await rocketmq.Client.Brokers.GetConsumerIdsAsync(broker, _group)).Distinct().Count());
        }
    }

    [Fact]
    public async Task A_silo_that_stops_leaves_the_group_and_the_others_take_its_queues()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 8);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), silos: 2);
        await UntilShareAsync(cluster, topic, [4, 4]);

        await cluster.Silos.StopSiloAsync(cluster.Silos.Silos[1]);
        await UntilShareAsync(cluster, topic, [8]);
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 100).Select(number => $"{number}"));
        await _recorder.UntilAsync(100);

        Assert.Equal(100, _recorder.Bodies.Distinct().Count());
        Assert.Single(await rocketmq.MembersAsync(_group, topic));
    }

    [Fact]
    public async Task A_silo_that_joins_gets_its_share()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 6);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        await UntilShareAsync(cluster, topic, [6]);

        await cluster.Silos.StartAdditionalSiloAsync();

        await UntilShareAsync(cluster, topic, [3, 3]);
    }

    [Fact]
    public async Task A_member_that_is_no_silo_gets_the_share_the_strategy_gives_it()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 8);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        await using (var foreign = new RocketMQClient(
            new RocketMQClientOptions { NameServerAddresses = RocketMQClientOptions.ParseAddresses(rocketmq.NameServer), ClientId = "zzz@foreign" },
            NullLoggerFactory.Instance))
        {
            foreign.Start();
            foreign.RegisterConsumer(
                _group,
                () => new ConsumerData
                {
                    GroupName = _group,
                    ConsumeFromWhere = ConsumerDataValues.FromFirstOffset,
                    SubscriptionDataSet = [SubscriptionData.From(topic, MessageSelector.All, 1)],
                },
                [topic]);

            await UntilShareAsync(cluster, topic, [4]);
            await foreign.UnregisterConsumerAsync(_group);
        }

        await UntilShareAsync(cluster, topic, [8]);
    }

    [Fact]
    public async Task A_stopped_consumer_is_no_member_any_more()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using (await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed()))
        {
            // A start waits for one broker to know the member, not for the one that is asked.
            await Eventually.TrueAsync(async () => (await rocketmq.MembersAsync(_group, topic)).Count == 1, "its broker knows it");
        }

        Assert.Empty(await rocketmq.MembersAsync(_group, topic));
    }

    [Fact]
    public async Task The_management_grain_tells_queues_owners_and_progress()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed(), silos: 2);
        await UntilShareAsync(cluster, topic, [2, 2]);
        await rocketmq.SendAsync(topic, Enumerable.Range(0, 40).Select(number => $"{number}"));
        await _recorder.UntilAsync(40);

        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(_group);
        await Eventually.TrueAsync(
            async () => await management.GetStatusAsync() is { Lag: 0 } all && all.Queues.Where(queue => queue.Queue.Topic == topic).Sum(queue => queue.Watermark) == 40,
            "the watermarks tell of 40 messages, and where every queue ends is known");
        var status = await management.GetStatusAsync();

        Assert.Equal(2, status.ClientIds.Count);
        Assert.Equal(0, status.Lag);
        Assert.Equal(4, status.Queues.Count(queue => queue.Queue.Topic == topic));
        Assert.Equal(2, status.Queues.Select(queue => queue.Silo).Distinct().Count());
        Assert.All(status.Queues, queue => Assert.Contains(queue.Owner, status.ClientIds));
        Assert.All(status.Queues.Where(queue => queue.Queue.Topic == topic), queue =>
        {
            Assert.Equal((-1, -1, 0), (queue.CachedMinOffset, queue.CachedMaxOffset, queue.CachedMessages));
            Assert.NotNull(queue.LastPulledAt);
            Assert.NotNull(queue.LastConsumedAt);
        });
    }

    /// <summary>Waits until each silo runs that many queues of the topic.</summary>
    private Task UntilShareAsync(TestCluster cluster, string topic, int[] expected) => Eventually.TrueAsync(
        () => Shares(cluster, topic).SequenceEqual(expected),
        () => $"shares of {string.Join(" and ", expected)}; they are {string.Join(" and ", Shares(cluster, topic))}");

    private IEnumerable<int> Shares(TestCluster cluster, string topic) => cluster.StatusOf(_group)
        .Select(status => status.Queues.Count(queue => queue.Queue.Topic == topic && queue.NextPullOffset >= 0))
        .OrderDescending();
}
