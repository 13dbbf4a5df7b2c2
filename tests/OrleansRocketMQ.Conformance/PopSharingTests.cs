using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>How members of a group that pops, or asks its brokers for queues, share a topic of several queues.</summary>
[Collection(RocketMQCollection.Name)]
public class PopSharingTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");

    private BrokerClient Brokers => rocketmq.Client.Brokers;

    [Fact]
    public async Task Every_queue_of_a_broker_is_popped_at_once()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        var bodies = Enumerable.Range(0, 24).Select(number => $"{number}").ToList();
        await rocketmq.SendAsync(topic, bodies);
        var messages = new List<MessageExt>();
        foreach (var broker in (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues.Select(queue => queue.BrokerName).Distinct().ToList())
        {
            var any = new MessageQueue(topic, broker, PopRequest.AnyQueue);
            while (await PopAllAsync(any) is { Count: > 0 } popped)
            {
                messages.AddRange(popped);
                await Brokers.BatchAckAsync(rocketmq.MasterOf(any), _group, topic, [.. popped.Select(message => message.ReceiptHandle!.Value)]);
            }
        }

        Assert.Equal(bodies.Order(), messages.Select(message => Encoding.UTF8.GetString(message.Body.Span)).Order());
        Assert.Equal(4, messages.Select(message => (message.BrokerName, message.QueueId)).Distinct().Count());
    }

    [Fact]
    public async Task Members_that_ask_are_told_their_queues_and_whether_to_pull_or_pop_them()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 4);
        var queues = (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues;
        var clientId = rocketmq.Client.ClientId;
        var heartbeat = new HeartbeatData
        {
            ClientId = clientId,
            ConsumerDataSet = [new() { GroupName = _group, SubscriptionDataSet = [SubscriptionData.From(topic, MessageSelector.All, 1)] }],
        };
        foreach (var master in await rocketmq.MastersOfAsync(topic))
        {
            await Brokers.HeartbeatAsync(master, heartbeat);
            foreach (var strategy in new[] { "AVG", "AVG_BY_CIRCLE" })
            {
                var pulled = await AssignedAsync(master, assigned => assigned.Count == queues.Count, strategy);
                Assert.Equal(queues.Order(), pulled.Select(queue => queue.Queue).Order());
                Assert.All(pulled, queue => Assert.Equal(MessageRequestMode.Pull, queue.Mode));
                Assert.Empty((await Brokers.QueryAssignmentAsync(master, topic, _group, "somebody else", strategy))!);
            }

            Assert.Null(await Brokers.QueryAssignmentAsync(master, topic, _group, clientId, "OTHER"));
            Assert.Null(await Brokers.QueryAssignmentAsync(master, topic, RocketMQCluster.NewName("group"), clientId));

            await Brokers.SetMessageRequestModeAsync(master, topic, _group, MessageRequestMode.Pop, popShareQueueNum: 1);
            var popped = await AssignedAsync(master, assigned => assigned.All(queue => queue.Mode == MessageRequestMode.Pop));
            Assert.Equal(
                queues.Select(queue => queue with { QueueId = PopRequest.AnyQueue }).Distinct().Order(), popped.Select(queue => queue.Queue).Order());
            await Brokers.SetMessageRequestModeAsync(master, topic, _group, MessageRequestMode.Pull);
            Assert.Equal(queues.Count, (await AssignedAsync(master, assigned => assigned.All(queue => queue.Mode == MessageRequestMode.Pull))).Count);
            await Brokers.UnregisterAsync(master, clientId, producerGroup: null, _group);
        }

        async Task<IReadOnlyList<QueueAssignment>> AssignedAsync(string master, Func<IReadOnlyList<QueueAssignment>, bool> isIt, string strategy = "AVG")
            => await Eventually.GetAsync(
                async () => await Brokers.QueryAssignmentAsync(master, topic, _group, clientId, strategy) is { } assigned && isIt(assigned) ? assigned : null,
                "the assignment");
    }

    private async Task<IReadOnlyList<MessageExt>> PopAllAsync(MessageQueue queue)
    {
        var request = new PopRequest(_group, queue) { InitMode = PopInitMode.Min, PollTime = TimeSpan.FromMilliseconds(300) };
        return (await Brokers.PopAsync(rocketmq.MasterOf(queue), request)).Decode();
    }
}
