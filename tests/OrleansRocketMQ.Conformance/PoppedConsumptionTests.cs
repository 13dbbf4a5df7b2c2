using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Groups whose messages are popped: every message comes, and only what was in work comes again.</summary>
[Collection(RocketMQCollection.Name)]
public class PoppedConsumptionTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_group_that_pops_gets_every_message_once_on_all_its_silos()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await rocketmq.SendAsync(topic, Numbers(0, 60));
        await using var cluster = await ConsumeAsync(topic, _recorder.Succeed(), Pops, silos: 2);
        await rocketmq.SendAsync(topic, Numbers(60, 60));
        await _recorder.UntilAsync(120);
        await UntilCommittedAsync(topic, 120);

        Assert.Equal(Numbers(0, 120).Order(), _recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_switch_of_the_mode_at_the_brokers_moves_all_silos_over_and_back_and_every_message_comes()
    {
        var topic = await rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync(topic, _recorder.Succeed(), silos: 2);
        await SendAndConsumeAsync(topic, 0);

        await SetModeAsync(topic, MessageRequestMode.Pop);
        await UntilAsync(cluster, topic, isPopped: true);
        await SendAndConsumeAsync(topic, 40);
        await UntilCommittedAsync(topic, 80);
        await SetModeAsync(topic, MessageRequestMode.Pull);
        await UntilAsync(cluster, topic, isPopped: false);
        await SendAndConsumeAsync(topic, 80);

        Assert.Equal(Numbers(0, 120).Order(), _recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_message_that_fails_comes_again_and_in_the_end_is_a_dead_letter_with_its_reason()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await ConsumeAsync(
            topic,
            (messages, context, _) =>
            {
                _recorder.Record(messages, context);
                throw new InvalidOperationException("it cannot be");
            },
            options =>
            {
                Pops(options);
                options.MaxReconsumeTimes = 1;
                options.ErrorRules.Add(new() { Then = ErrorAction.RetryLater, RetryAfter = TimeSpan.FromSeconds(1) });
            });
        await rocketmq.SendAsync(topic, ["poison"]);

        await _recorder.UntilAsync(2);
        var grain = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);
        DeadLetter? letter = null;
        await Eventually.TrueAsync(async () => (letter = await FirstAsync(grain)) is not null, "a dead letter");

        Assert.Equal([0, 1], _recorder.Deliveries.Select(delivery => delivery.Message.ReconsumeTimes));
        Assert.Equal("it cannot be", letter!.Cause!.Reason);
    }

    [Fact]
    public async Task A_message_that_takes_longer_than_its_invisible_time_comes_once()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var done = new TaskCompletionSource();
        await using var cluster = await ConsumeAsync(
            topic,
            async (messages, context, token) =>
            {
                _recorder.Record(messages, context);
                if (_recorder.Count == 1)
                {
                    await Task.Delay(TimeSpan.FromSeconds(9), token);
                    done.TrySetResult();
                }

                return ConsumeResult.Success;
            },
            options =>
            {
                Pops(options);
                options.PopInvisibleTime = TimeSpan.FromSeconds(3);
            });
        await rocketmq.SendAsync(topic, ["slow"]);
        await done.Task.WaitAsync(Eventually.Deadline);

        // What had come again by itself would be there before what is sent now.
        await rocketmq.SendAsync(topic, ["last"]);
        await Eventually.TrueAsync(() => _recorder.Bodies.Contains("last"), "the last message");
        await UntilCommittedAsync(topic, 2);
        Assert.Equal(["slow", "last"], _recorder.Bodies);
    }

    private static async Task<DeadLetter?> FirstAsync(IDeadLetterGrain grain)
    {
        try
        {
            return (await grain.ListAsync()).Letters is [var letter, ..] ? letter : null;
        }
        catch (RocketMQTimeoutException)
        {
            // A loaded broker takes its time to count what is in a topic.
            return null;
        }
    }

    private static void Pops(ConsumerOptions options) => options.ConsumeMode = ConsumeMode.Pop;

    private static IEnumerable<string> Numbers(int first, int count) => Enumerable.Range(first, count).Select(number => $"{number}");

    private Task<TestCluster> ConsumeAsync(string topic, ListenerScript script, Action<ConsumerOptions>? configure = null, short silos = 1)
        => TestCluster.ConsumeAsync(
            rocketmq.NameServer, _group, topic, script, consumer => consumer.Configure(options => configure?.Invoke(options)), silos);

    private async Task SendAndConsumeAsync(string topic, int first)
    {
        await rocketmq.SendAsync(topic, Numbers(first, 40));
        await Eventually.TrueAsync(
            () => _recorder.Bodies.Distinct().Count() == first + 40, () => $"{first + 40} messages; there are {_recorder.Bodies.Distinct().Count()}");
    }

    private Task UntilCommittedAsync(string topic, long offset) => Eventually.TrueAsync(
        async () => await rocketmq.CommittedAsync(_group, topic) == offset, $"the brokers know of {offset} messages");

    private async Task SetModeAsync(string topic, MessageRequestMode mode)
    {
        foreach (var master in await rocketmq.MastersOfAsync(topic))
        {
            await rocketmq.Client.Brokers.SetMessageRequestModeAsync(master, topic, _group, mode);
        }
    }

    private Task UntilAsync(TestCluster cluster, string topic, bool isPopped) => Eventually.TrueAsync(
        () => cluster.StatusOf(_group).SelectMany(silo => silo.Queues)
            .Count(queue => queue.Queue.Topic == topic && queue.Popped is not null == isPopped && queue.LastPulledAt is not null) == 4,
        () => $"four queues are {(isPopped ? "popped" : "pulled")}");
}
