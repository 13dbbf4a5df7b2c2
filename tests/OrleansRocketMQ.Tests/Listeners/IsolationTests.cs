using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Listeners;

/// <summary>Groups of one silo share its client, and nothing else.</summary>
public sealed class IsolationTests
{
    [Fact]
    public async Task A_group_whose_listeners_hang_does_not_disturb_another_on_the_same_topic()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var other = await TestRocketMQ.StartAsync();
        var never = new TaskCompletionSource();
        ScriptedListener.Script(rocketmq.MyGroup, rocketmq.Recorder.Succeed());
        ScriptedListener.Script(other.MyGroup, async (_, _, _) =>
        {
            await never.Task;
            return ConsumeResult.Success;
        });
        await using var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            Add(builder, rocketmq.MyGroup);
            Add(builder, other.MyGroup);
        });
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        await cluster.UntilReadyAsync(other.MyGroup);

        await rocketmq.SendAsync(200);
        await rocketmq.UntilAllCameAsync(200);
        await rocketmq.UntilCommittedAsync(200);

        Assert.Equal(200, rocketmq.Recorder.Count);
        Assert.Equal(0, Enumerable.Range(0, 4).Sum(queue => rocketmq.Broker.CommittedOffset(other.MyGroup, TestRocketMQ.Topic, queue) ?? 0));
        Assert.Equal(rocketmq.Broker.ClientsOf(rocketmq.MyGroup), rocketmq.Broker.ClientsOf(other.MyGroup));
        Assert.Equal(2, rocketmq.Broker.ConnectionCount);
        never.SetResult();
    }

    [Fact]
    public async Task A_group_that_fails_on_everything_does_not_touch_the_other_groups_messages()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var failing = rocketmq.MyGroup + "_failing";
        ScriptedListener.Script(rocketmq.MyGroup, rocketmq.Recorder.Succeed());
        ScriptedListener.Script(failing, (_, _, _) => throw new InvalidOperationException("always"));
        await using var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            Add(builder, rocketmq.MyGroup);
            Add(builder, failing);
        });
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        await cluster.UntilReadyAsync(failing);

        await rocketmq.SendAsync(30);
        await rocketmq.UntilCommittedAsync(30);
        await Eventually.TrueAsync(() => cluster.StatusOf(failing)[0].SentBack >= 30, "the other one's failures are given back");

        Assert.Equal(30, rocketmq.Recorder.Count);
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
        Assert.Equal(0, cluster.StatusOf(rocketmq.MyGroup)[0].Failed);
    }

    [Fact]
    public async Task Two_groups_with_name_servers_of_their_own_consume_from_two_clusters()
    {
        await using var one = await TestRocketMQ.StartAsync();
        await using var two = await TestRocketMQ.StartAsync();
        ScriptedListener.Script(one.MyGroup, one.Recorder.Succeed());
        ScriptedListener.Script(two.MyGroup, two.Recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(one.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            Add(builder, one.MyGroup);
            Add(builder, two.MyGroup, two.Embedded.NameServerAddress);
        });

        await one.SendAsync(20);
        await two.SendAsync(30);
        await one.UntilAllCameAsync(20);
        await two.UntilAllCameAsync(30);
        await one.Broker.StopAsync();
        await two.SendAsync(20, first: 30);
        await two.UntilAllCameAsync(50);

        Assert.Equal((20, 50), (one.Recorder.Count, two.Recorder.Count));
        Assert.Empty(two.Broker.ClientsOf(one.MyGroup));
        Assert.Single(two.Broker.ClientsOf(two.MyGroup));
    }

    private static void Add(RocketMQBuilder builder, string group, string? nameServer = null)
        => builder.AddConsumer<ScriptedListener>(group, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
        {
            options.NameServer = nameServer;
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.PersistInterval = TimeSpan.FromMilliseconds(20);
        }));
}
