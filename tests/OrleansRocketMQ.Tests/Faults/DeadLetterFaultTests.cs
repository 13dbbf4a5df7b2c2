using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Dead letters where brokers are set up otherwise than ours: what there is is shown and can be dealt with, or it is told why not.</summary>
public sealed class DeadLetterFaultTests
{
    private const string Me = "test";
    private const string Other = "parcels";

    private readonly HashSet<string> _healed = new(StringComparer.Ordinal);

    [Fact]
    public async Task Dead_letters_under_a_permission_without_reading_are_an_error_that_names_topic_permission_and_remedy()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await DieAsync(rocketmq, 1);
        await PermitAsync(rocketmq, QueueData.WritePermission);

        foreach (var ask in new Func<Task>[]
        {
            () => letters.ListAsync(), () => letters.PeekAsync("any"), () => letters.ResendAsync("any", Me), () => letters.ResendByKeyAsync("any", Me),
        })
        {
            var error = await Assert.ThrowsAnyAsync<RocketMQException>(ask);
            Assert.All(
                [DeadLetterTopic(rocketmq), "permission 2", rocketmq.Broker.Name, "mqadmin updateTopicPerm", "-p 6"],
                part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        }

        await letters.ResendAllAsync(100, Me);
        await Eventually.TrueAsync(async () => !(await letters.GetResendAsync()).IsRunning, "sending all has ended");
        Assert.Contains("permission 2", (await letters.GetResendAsync()).Error, StringComparison.Ordinal);

        await PermitAsync(rocketmq, QueueData.WritePermission | QueueData.ReadPermission);
        Assert.Single((await letters.ListAsync()).Letters);
    }

    [Fact]
    public async Task Dead_letters_are_listed_and_dropped_also_after_a_reset_of_their_topic_at_the_broker()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await DieAsync(rocketmq, 2);

        await rocketmq.ResetAsync(DeadLetterTopic(rocketmq));

        Assert.Equal(2, (await letters.ListAsync()).Letters.Count);
        Assert.Equal(2, await letters.DropAsync(null, Me));
        Assert.Empty((await letters.ListAsync()).Letters);
    }

    [Fact]
    public async Task Dead_letters_whose_topic_the_name_server_does_not_know_yet_are_found_at_their_broker()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var behind = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.TopicNotExist) with
        {
            Servers = FaultServers.NameServer,
            RequestCode = RequestCodes.GetRouteInfoByTopic,
            When = target => target.Request["topic"] == DeadLetterTopic(rocketmq),
        });
        await using var cluster = await ConsumeAsync(rocketmq);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        Assert.Empty((await letters.ListAsync()).Letters);
        await DieAsync(rocketmq, 2);
        _healed.Add(TestRocketMQ.Topic);

        var listed = (await letters.ListAsync()).Letters;
        Assert.Equal(2, listed.Count);
        Assert.Equal(1, await letters.ResendAsync(listed[0].MessageId, Me));
        await rocketmq.Recorder.UntilAsync(3);
    }

    [Fact]
    public async Task A_broker_that_cannot_be_asked_for_dead_letters_is_told_and_not_taken_to_have_none()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await DieAsync(rocketmq, 1);
        var second = await rocketmq.Embedded.AddBrokerAsync("broker-b");
        second.CreateTopic(TestRocketMQ.Topic, 1);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(queue => queue.Queue.BrokerName == "broker-b"), "a queue of broker-b");
        using var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError, "no") with
        {
            BrokerName = "broker-b",
            When = target => target.Request["topic"] == DeadLetterTopic(rocketmq),
        });

        var page = await letters.ListAsync();
        Assert.Single(page.Letters);
        Assert.Contains("broker-b", Assert.Single(page.Unread), StringComparison.Ordinal);

        foreach (var ask in new Func<Task>[] { () => letters.DropAsync(null, Me), () => letters.ListAsync() })
        {
            var error = await Assert.ThrowsAnyAsync<RocketMQException>(ask);
            Assert.Contains(second.Address, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Where_brokers_make_no_groups_dead_letters_need_none_but_the_consumers_own()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, TestRocketMQ.QuickRetries with { AutoCreateGroups = false });
        await rocketmq.CreateGroupAsync();
        await using var cluster = await ConsumeAsync(rocketmq);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await DieAsync(rocketmq, 3);
        _healed.Add(TestRocketMQ.Topic);

        var listed = (await letters.ListAsync()).Letters;
        Assert.Equal(3, listed.Count);
        Assert.NotNull(await letters.PeekAsync(listed[1].MessageId));
        Assert.Equal(1, await letters.ResendAsync(listed[1].MessageId, Me));
        Assert.Equal(2, await letters.DropAsync(null, Me));
        await rocketmq.Recorder.UntilAsync(4);
        Assert.Empty((await letters.ListAsync()).Letters);
    }

    [Fact]
    public async Task Sending_all_again_goes_on_past_one_that_cannot_be_sent_and_lists_it_with_the_reason()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, TestRocketMQ.QuickRetries with { AutoCreateTopics = false });
        rocketmq.Embedded.CreateTopic(Other, 1);
        await using var cluster = await ConsumeAsync(rocketmq, consumer => consumer.Subscribe(Other));
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await rocketmq.Producer.SendAsync(new Message(Other, "gone"u8.ToArray(), keys: "key"));
        await UntilDeadAsync(rocketmq, 1);
        await DieAsync(rocketmq, 2, already: 1);
        rocketmq.Broker.DeleteTopic(Other);
        _healed.Add(TestRocketMQ.Topic);

        var byKey = await Assert.ThrowsAnyAsync<RocketMQException>(() => letters.ResendByKeyAsync("key", Me));
        await letters.ResendAllAsync(100, Me);
        await Eventually.TrueAsync(async () => !(await letters.GetResendAsync()).IsRunning, "sending all has ended");
        var end = await letters.GetResendAsync();

        Assert.Contains(Other, byKey.Message, StringComparison.Ordinal);
        Assert.Equal((1, 1, null), (end.Sent, end.Failed, end.Error));
        var failure = Assert.Single(end.Failures);
        Assert.Equal(Other, failure.Topic);
        Assert.NotEmpty(failure.Reason);
        Assert.Equal(failure.MessageId, Assert.Single((await letters.ListAsync()).Letters).MessageId);
        await rocketmq.Recorder.UntilAsync(5);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1e-14)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public async Task A_rate_that_cannot_be_kept_is_refused_and_leaves_other_commands_alone(double rate)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);

        await Assert.ThrowsAsync<RocketMQValidationException>(() => letters.ResendAllAsync(rate, Me));

        Assert.False((await letters.GetResendAsync()).IsRunning);
        Assert.Equal(0, await letters.DropAsync(null, Me));
    }

    private Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, Action<ConsumerBuilder>? configure = null) => TestCluster.ConsumeAsync(
        rocketmq.Embedded.NameServerAddress,
        rocketmq.MyGroup,
        TestRocketMQ.Topic,
        rocketmq.Recorder.Then((_, context) =>
        {
            context.DelayLevelWhenNextConsume = ConsumeContext.ToDeadLetters;
            return _healed.Contains(context.Queue.Topic) ? ConsumeResult.Success : ConsumeResult.ReconsumeLater;
        }),
        configure);

    private static async Task DieAsync(TestRocketMQ rocketmq, int count, int already = 0)
    {
        for (var number = 0; number < count; number++)
        {
            // The last one has the key.
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "b"u8.ToArray(), keys: number == count - 1 ? "key" : null));
        }

        await UntilDeadAsync(rocketmq, already + count);
    }

    private static Task UntilDeadAsync(TestRocketMQ rocketmq, int count) => Eventually.TrueAsync(
        () => rocketmq.Broker.QueueCount(DeadLetterTopic(rocketmq)) > 0 && rocketmq.Broker.Messages(DeadLetterTopic(rocketmq)).Count == count, $"{count} dead letters");

    private static Task PermitAsync(TestRocketMQ rocketmq, int permission)
        => rocketmq.Client.Brokers.CreateTopicAsync(rocketmq.Broker.Address, DeadLetterTopic(rocketmq), queues: 1, permission);

    private static string DeadLetterTopic(TestRocketMQ rocketmq) => SystemTopics.DeadLetter(rocketmq.MyGroup);
}
