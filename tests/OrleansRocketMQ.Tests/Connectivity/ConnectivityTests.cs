using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connectivity;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;

namespace OrleansRocketMQ.Tests.Connectivity;

/// <summary>A look at what consumers would find, before there are any.</summary>
public sealed class ConnectivityTests
{
    [Fact]
    public async Task Where_all_is_well_it_says_so_for_each_server_topic_and_group_and_joins_no_group()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.SendAsync(5);

        var findings = await CheckAsync(rocketmq);

        Assert.All(findings, finding => Assert.True(finding.IsOk, finding.Text));
        Assert.Equal(
            [ConnectivitySubject.NameServer, ConnectivitySubject.Topic, ConnectivitySubject.Broker, ConnectivitySubject.Access],
            findings.Select(finding => finding.Subject));
        Assert.Empty(rocketmq.Broker.ClientsOf(rocketmq.MyGroup));
        Assert.Equal(0, rocketmq.Committed());
    }

    [Fact]
    public async Task Each_broker_of_a_topic_is_asked()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var second = await rocketmq.Embedded.AddBrokerAsync("broker-b");
        second.CreateTopic(TestRocketMQ.Topic, 1);
        await second.StopAsync(unregister: false);

        var findings = await CheckAsync(rocketmq);

        var failed = Assert.Single(findings, finding => !finding.IsOk);
        Assert.Equal(ConnectivitySubject.Broker, failed.Subject);
        Assert.StartsWith($"broker broker-b at {second.Address} does not answer: ", failed.Text, StringComparison.Ordinal);
        Assert.Single(findings, finding => finding is { IsOk: true, Subject: ConnectivitySubject.Access });
    }

    [Fact]
    public async Task Without_a_name_server_there_is_nothing_else_to_ask()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.Embedded.NameServer.StopAsync();

        var failed = Assert.Single(await CheckAsync(rocketmq));

        Assert.False(failed.IsOk);
        Assert.Equal(ConnectivitySubject.NameServer, failed.Subject);
        Assert.Contains(rocketmq.Embedded.NameServerAddress, failed.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_that_does_not_exist_is_told_with_what_to_do()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();

        var findings = await CheckAsync(rocketmq, topic: "not_there");

        var failed = Assert.Single(findings, finding => !finding.IsOk);
        Assert.Equal(ConnectivitySubject.Topic, failed.Subject);
        Assert.StartsWith("topic not_there does not exist. Make it", failed.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "a > 1")]
    [InlineData(true, "a > > 1")]
    public async Task A_condition_the_broker_does_not_take_is_told(bool takesConditions, string sql)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(options: TestRocketMQ.QuickRetries with { EnablePropertyFilter = takesConditions });

        var findings = await CheckAsync(rocketmq, selector: MessageSelector.BySql(sql));

        var failed = Assert.Single(findings, finding => !finding.IsOk);
        Assert.Equal(ConnectivitySubject.Access, failed.Subject);
        Assert.Contains($"does not let group {rocketmq.MyGroup} read topic {TestRocketMQ.Topic}", failed.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_group_the_broker_neither_knows_nor_makes_is_told()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(options: TestRocketMQ.QuickRetries with { AutoCreateGroups = false });

        var failed = Assert.Single(await CheckAsync(rocketmq), finding => !finding.IsOk);

        Assert.Equal(ConnectivitySubject.Access, failed.Subject);
        Assert.Contains("updateSubGroup", failed.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dead_letters_that_may_not_be_read_are_told()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.Client.Brokers.CreateTopicAsync(rocketmq.Broker.Address, $"%DLQ%{rocketmq.MyGroup}", queues: 1, permission: 2);

        var failed = Assert.Single(await CheckAsync(rocketmq), finding => !finding.IsOk);

        Assert.Equal(ConnectivitySubject.Access, failed.Subject);
        Assert.Contains("permission 2", failed.Text, StringComparison.Ordinal);
        Assert.Contains("updateTopicPerm", failed.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_check_of_a_group_that_runs_leaves_the_brokers_resets_to_its_queues()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.CreateGroupAsync();
        await rocketmq.SendAsync(3);
        await rocketmq.ResetAsync();

        Assert.All(await CheckAsync(rocketmq), finding => Assert.True(finding.IsOk, finding.Text));
        await new MissingGroup(rocketmq.MyGroup, rocketmq.Client, NullLogger.Instance).LookAsync(rocketmq.Queue(0), CancellationToken.None);

        Assert.True(await rocketmq.TakeResetAsync(rocketmq.Queue(0)));
    }

    private static async Task<IReadOnlyList<ConnectivityFinding>> CheckAsync(TestRocketMQ rocketmq, string topic = TestRocketMQ.Topic, MessageSelector? selector = null)
    {
        using var host = BuiltSilo.Build(
            silo => silo.AddConsumer<ScriptedListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(topic, selector ?? MessageSelector.All)),
            [
                new("RocketMQ:NameServer", rocketmq.Embedded.NameServerAddress),
                new("RocketMQ:RequestTimeout", PatientClients.RequestTimeout.ToString()),
            ]);
        return await host.Services.GetRequiredService<IRocketMQConnectivity>().CheckAsync();
    }
}
