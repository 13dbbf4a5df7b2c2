using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public sealed class NamespaceTests(RocketMQCluster rocketmq)
{
    private const string Tenant = "conf_tenant";

    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_tenant_has_plain_names_and_its_namespace_stands_before_them_at_the_brokers()
    {
        var topic = RocketMQCluster.NewName("topic");
        await rocketmq.CreateTopicAsync(queues: 2, topic: $"{Tenant}%{topic}");
        ScriptedListener.Script(_group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(rocketmq.NameServer, builder => builder
            .Configure(options => options.Namespace = Tenant)
            .AddConsumer<ScriptedListener>(_group, consumer => consumer
                .Subscribe(topic, "a || b")
                .Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset)));
        await using var client = new RocketMQClient(
            new RocketMQClientOptions
            {
                NameServerAddresses = RocketMQClientOptions.ParseAddresses(rocketmq.NameServer),
                ClientId = $"127.0.0.1@tenant#{Environment.ProcessId}",
                Remoting = new RemotingOptions { Namespace = Tenant },
            },
            NullLoggerFactory.Instance);
        await using var producer = new Producer(client, new ProducerOptions { Group = "conformance_producer" }, NullLoggerFactory.Instance);

        // One from inside by the plain name, one from outside by the whole name.
        await producer.SendAsync(new Message(topic, "inside"u8.ToArray()) { Tags = "a" });
        await rocketmq.SendAsync($"{Tenant}%{topic}", ["outside"], message => message.Tags = "b");
        await _recorder.UntilAsync(2);

        Assert.Equal(["inside", "outside"], _recorder.Bodies.Order());
        Assert.All(_recorder.Deliveries, delivery => Assert.Equal((topic, topic), (delivery.Message.Topic, delivery.Queue.Topic)));
        await Eventually.TrueAsync(
            async () => await rocketmq.CommittedAsync($"{Tenant}%{_group}", $"{Tenant}%{topic}") == 2, "the progress of the tenant's group", TimeSpan.FromSeconds(30));
        Assert.Single(await rocketmq.MembersAsync($"{Tenant}%{_group}", $"{Tenant}%{topic}"));
    }
}
