using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Servers go and come back; the silo stays, and finds them again by itself.</summary>
public sealed class OutageTests
{
    [Fact]
    public async Task A_silo_starts_without_a_name_server_and_consumes_once_it_is_there()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.SendAsync(40);
        await rocketmq.Embedded.NameServer.StopAsync();

        await using var cluster = await rocketmq.BeginAsync();
        await using var watch = OffsetWatch.Over(rocketmq);
        Assert.False(cluster.StatusOf(rocketmq.MyGroup)[0].IsReady);
        rocketmq.Embedded.NameServer.Start();
        await rocketmq.UntilAllCameAsync(40);

        Assert.Equal(40, rocketmq.Recorder.Count);
        await rocketmq.UntilCommittedAsync(40);
    }

    [Fact]
    public async Task A_silo_stops_in_time_though_no_name_server_was_ever_there()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.Embedded.NameServer.StopAsync();
        var cluster = await rocketmq.BeginAsync();

        await cluster.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Consumption_goes_on_while_the_name_server_is_away()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.SendAsync(10);

        await rocketmq.Embedded.NameServer.StopAsync();
        await rocketmq.SendAsync(40, first: 10);
        await rocketmq.UntilAllCameAsync(50);
        await rocketmq.UntilCommittedAsync(50);
        rocketmq.Embedded.NameServer.Start();
        rocketmq.Embedded.CreateTopic(TestRocketMQ.Topic, 6);

        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic) == 6, "the new queues are seen");
        Assert.Equal(50, rocketmq.Recorder.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_broker_that_restarts_finds_its_consumers_again(bool unregister)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.PullSuspendTimeout = TimeSpan.FromSeconds(1));
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.SendAsync(50);
        await rocketmq.UntilAllCameAsync(50);

        await rocketmq.Broker.StopAsync(unregister);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).SelectMany(group => group.Queues).Any(queue => queue.LastError.Length > 0), "the silo has noticed");
        await rocketmq.Broker.StartAsync();
        await rocketmq.SendAsync(50, first: 50);
        await rocketmq.UntilAllCameAsync(100);

        await rocketmq.UntilCommittedAsync(100);
        await Eventually.TrueAsync(() => rocketmq.Broker.ClientsOf(rocketmq.MyGroup).Distinct().Count() == 1, "the group is known again");
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).SelectMany(group => group.Queues).All(queue => queue.LastError.Length == 0), "no error is left");
    }

    [Fact]
    public async Task All_connections_cut_at_once_heal()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.SendAsync(30);
        await rocketmq.UntilAllCameAsync(30);

        rocketmq.Broker.CloseConnections();
        rocketmq.Embedded.NameServer.CloseConnections();
        await rocketmq.SendAsync(30, first: 30);

        await rocketmq.UntilAllCameAsync(60);
        await rocketmq.UntilCommittedAsync(60);
    }

    [Fact]
    public async Task Messages_in_work_while_the_broker_restarts_are_committed_afterwards()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var release = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(async (messages, context, _) =>
        {
            rocketmq.Recorder.Record(messages, context);
            await release.Task;
            return ConsumeResult.Success;
        });
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.SendAsync(10);
        await rocketmq.UntilAllCameAsync(10);

        await rocketmq.Broker.RestartAsync();
        Assert.Equal(0, rocketmq.Committed());
        release.SetResult();

        await rocketmq.UntilCommittedAsync(10);
        Assert.Equal(10, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task Failed_messages_survive_a_broker_that_is_away_while_they_are_handed_back()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var failing = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(
            async (messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                await failing.Task;
                return rocketmq.Recorder.Count <= 5 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success;
            },
            setUp: options => options.RequestTimeout = TimeSpan.FromSeconds(1));
        await using var watch = OffsetWatch.Over(rocketmq);
        await rocketmq.SendAsync(5);
        await rocketmq.UntilAllCameAsync(5);

        await rocketmq.Broker.StopAsync(unregister: false);
        failing.SetResult();
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Failed == 5, "five failures");
        await rocketmq.Broker.StartAsync();

        await rocketmq.Recorder.UntilAsync(10);
        await rocketmq.UntilCommittedAsync(5);
        Assert.All(TestRocketMQ.Numbers(5), number => Assert.Contains(number, rocketmq.Recorder.Bodies.Skip(5)));
    }

    [Fact]
    public async Task A_silo_stops_in_time_though_its_broker_is_gone()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(10);
        await rocketmq.UntilAllCameAsync(10);
        await rocketmq.Broker.StopAsync(unregister: false);

        await cluster.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_silo_stops_in_time_though_its_broker_answers_nothing()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(10);
        await rocketmq.UntilAllCameAsync(10);
        rocketmq.Faults.Inject(Fault.NoAnswer() with { Servers = FaultServers.Brokers });
        await rocketmq.Producer.SendOneWayAsync(new Message(TestRocketMQ.Topic, "1"u8.ToArray()));

        await cluster.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);
    }

    [Fact]
    public async Task A_condition_refused_by_a_broker_that_is_busy_is_consumed_later_and_the_refusal_is_forgotten()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await rocketmq.SendAsync(10, prepare: message => message["price"] = "20");
        var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemBusy) with { RequestCode = RequestCodes.CheckClientConfig });
        await using var cluster = await rocketmq.BeginAsync(
            configure: options => options.Subscriptions[TestRocketMQ.Topic] = MessageSelector.BySql("price > 10"));

        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Refused.Contains(TestRocketMQ.Topic, StringComparison.Ordinal), "the refusal is told");
        refusing.Dispose();
        await rocketmq.UntilAllCameAsync(10);

        Assert.Equal(string.Empty, cluster.StatusOf(rocketmq.MyGroup)[0].Refused);
    }
}
