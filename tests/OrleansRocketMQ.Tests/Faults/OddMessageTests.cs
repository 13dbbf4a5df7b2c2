using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Messages as programs write them that are not ours: times no clock shows, bits of other versions, names in any script.</summary>
public sealed class OddMessageTests
{
    private const string Me = "test";

    // A client that writes nanoseconds, and values nobody means.
    public static TheoryData<long> OddTimes => [1_764_000_000_000_000_000, long.MaxValue, long.MinValue, -1, 0];

    [Theory]
    [MemberData(nameof(OddTimes))]
    public async Task A_dead_letter_born_at_a_time_no_clock_shows_is_listed_and_sent_again_like_any_other(long born)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var isHealed = false;
        await using var cluster = await rocketmq.ConsumeAsync(rocketmq.Recorder.Then((_, context) =>
        {
            context.DelayLevelWhenNextConsume = ConsumeContext.ToDeadLetters;
            return isHealed ? ConsumeResult.Success : ConsumeResult.ReconsumeLater;
        }));
        await rocketmq.SendAsync("odd", request => request with { BornTimestamp = born });
        await rocketmq.UntilCommittedAsync(1);
        isHealed = true;

        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count == 1, "the letter");
        Assert.Equal(1, await letters.ResendAsync((await letters.ListAsync()).Letters[0].MessageId, Me));
        await rocketmq.Recorder.UntilAsync(2);
    }

    [Theory]
    [MemberData(nameof(OddTimes))]
    public async Task A_refused_message_born_at_a_time_no_clock_shows_is_parked_like_any_other(long born)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.MessageIllegal) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.MessageIllegal) with
        {
            RequestCode = RequestCodes.SendMessageV2,
            When = target => SystemTopics.IsRetry(target.Request["b"]!),
        });
        await using var cluster = await rocketmq.ConsumeAsync(rocketmq.Recorder.Then((_, _) => ConsumeResult.ReconsumeLater), options => options.ParkAfter = TimeSpan.FromSeconds(1));
        await rocketmq.SendAsync("odd", request => request with { BornTimestamp = born });

        await rocketmq.UntilCommittedAsync(1);
        Assert.Single((await cluster.Silos.Client.GetGrain<IParkedMessageGrain>(rocketmq.MyGroup).ListAsync()).Messages);
    }

    [Theory]
    [InlineData("")]
    [InlineData("RETRY_TOPIC\u0001\u0002")]
    [InlineData("RETRY_TOPIC\u0001SCHEDULE_TOPIC_XXXX\u0002")]
    [InlineData("RETRY_TOPIC\u0001rmq_sys_wheel_timer\u0002")]
    [InlineData("RETRY_TOPIC\u0001no such name!\u0002")]
    public async Task A_dead_letter_that_does_not_tell_the_topic_it_came_from_is_listed_as_not_sent_and_stays_the_only_one(string properties)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        var topic = SystemTopics.DeadLetter(rocketmq.MyGroup);
        rocketmq.Broker.CreateTopic(topic, 1);
        await rocketmq.SendAsync("stray", request => request with { Topic = topic, Properties = properties });
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count == 1, "the letter");

        await letters.ResendAllAsync(100, Me);
        await Eventually.TrueAsync(async () => !(await letters.GetResendAsync()).IsRunning, "sending all has ended");
        var end = await letters.GetResendAsync();

        Assert.Equal((0, 1, null), (end.Sent, end.Failed, end.Error));
        Assert.Contains("Original topic", Assert.Single(end.Failures).Reason, StringComparison.Ordinal);
        Assert.Single((await letters.ListAsync()).Letters);
        Assert.Single(rocketmq.Broker.Messages(topic));
    }

    [Theory]
    [InlineData(1 << 12)]
    [InlineData(1 << 30)]
    [InlineData(int.MinValue)]
    [InlineData(MessageSysFlag.NeedUnwrap)]
    [InlineData(MessageSysFlag.CompressionMask)]
    public async Task Bits_of_the_system_flag_that_are_not_known_do_no_harm(int flag)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync("odd", request => request with { SysFlag = flag });
        await rocketmq.SendAsync("plain", request => request);

        await rocketmq.UntilCommittedAsync(2);
        Assert.Equal(["odd", "plain"], rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_body_compressed_in_a_way_nobody_knows_becomes_a_dead_letter_that_says_so()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.MaxReconsumeTimes = 0);
        await rocketmq.SendAsync("odd", request => request with { SysFlag = MessageSysFlag.Compressed | MessageSysFlag.CompressionMask });
        await rocketmq.SendAsync("plain", request => request);

        await rocketmq.UntilCommittedAsync(2);
        Assert.Equal(["plain"], rocketmq.Recorder.Bodies);
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters is [{ BodyError: not null }], "the letter with its reason");
    }

    [Fact]
    public async Task Tags_and_keys_in_any_script_and_in_thousands_select_and_survive_a_retry()
    {
        string[] tags = ["été", "標籤", "a b", "\"'{}[]\\", "\ud83d\ude00"];
        var keys = string.Join(MessageProperties.KeySeparator, Enumerable.Range(0, 3000).Select(number => $"clé{number.ToString(CultureInfo.InvariantCulture)}"));
        var calls = new ConcurrentDictionary<string, int>();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            rocketmq.Recorder.Then((messages, _) => calls.AddOrUpdate(messages[0].Tags!, 1, (_, before) => before + 1) == 1 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            consumer => consumer.Subscribe(TestRocketMQ.Topic, $" || {string.Join("||  ", tags)} ||"));
        foreach (var tag in tags.Append("other"))
        {
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "x"u8.ToArray(), tag, keys));
        }

        await rocketmq.Recorder.UntilAsync(2 * tags.Length);
        Assert.Equal(tags.Order(), calls.Keys.Order());
        Assert.All(rocketmq.Recorder.Deliveries, delivery => Assert.Equal(keys, delivery.Message.Keys));
    }
}
