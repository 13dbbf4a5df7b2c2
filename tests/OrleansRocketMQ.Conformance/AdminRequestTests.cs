using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>What RocketMQ's admin tools ask of a member through its broker, sent here as those tools send it.</summary>
[Collection(RocketMQCollection.Name)]
public class AdminRequestTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task The_running_info_tells_settings_subscriptions_queues_and_rates()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        await rocketmq.SendAsync(topic, ["a", "b", "c"]);
        await _recorder.UntilAsync(3);

        var answer = await AskMemberAsync(topic, RequestCodes.GetConsumerRunningInfo, request => request.Set("jstackEnable", true));

        Assert.Equal(ResponseCodes.Success, answer.Code);
        var info = Parse(answer);
        var properties = info.GetProperty("properties");
        Assert.Equal("CONSUME_PASSIVELY", properties.GetProperty("PROP_CONSUME_TYPE").GetString());
        Assert.Equal("CONSUME_FROM_FIRST_OFFSET", properties.GetProperty("consumeFromWhere").GetString());
        Assert.Contains(info.GetProperty("subscriptionSet").EnumerateArray(), one => one.GetProperty("topic").GetString() == topic);
        Assert.Equal(2, info.GetProperty("mqTable").EnumerateObject().Count(entry => entry.Name.Contains(topic, StringComparison.Ordinal)));
        Assert.True(info.GetProperty("statusTable").GetProperty(topic).GetProperty("pullTPS").GetDouble() > 0);
        Assert.Contains(".NET", info.GetProperty("jstack").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_member_that_is_not_there_cannot_be_asked()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());

        var answer = await AskAsync(topic, RequestCodes.GetConsumerRunningInfo, "127.0.0.1@nobody", request => request.Set("jstackEnable", false));

        Assert.Equal(ResponseCodes.SystemError, answer.Code);
        Assert.Contains(_group, answer.Remark, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fine", "CR_SUCCESS")]
    [InlineData("later", "CR_LATER")]
    [InlineData("throws", "CR_THROW_EXCEPTION")]
    public async Task A_message_is_consumed_directly_without_effect_on_offsets_or_retries(string body, string expected)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, [body]);
        var message = (await Eventually.GetAsync(
            async () => await rocketmq.ReadAllAsync(topic) is { Count: 1 } all ? all : null, "the message can be read"))[0];
        var calls = 0;
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            (messages, context, _) =>
            {
                _recorder.Record(messages, context);
                // By the queue it succeeds, only the administrator's call ends as the message says.
                return Interlocked.Increment(ref calls) == 1 || body == "fine"
                    ? ValueTask.FromResult(ConsumeResult.Success)
                    : body == "later" ? ValueTask.FromResult(ConsumeResult.ReconsumeLater) : throw new InvalidOperationException("on purpose");
            },
            consumer => consumer.Configure(options => options.PersistInterval = TimeSpan.FromMilliseconds(100)));
        await _recorder.UntilAsync(1);
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 1, "the message committed");

        var answer = await AskMemberAsync(
            topic, RequestCodes.ConsumeMessageDirectly, request => request.Set("msgId", message.OffsetMessageId).Set("topic", topic));

        Assert.Equal(ResponseCodes.Success, answer.Code);
        var result = Parse(answer);
        Assert.Equal(expected, result.GetProperty("consumeResult").GetString());
        Assert.False(result.GetProperty("order").GetBoolean());
        Assert.True(result.GetProperty("autoCommit").GetBoolean());
        Assert.True(result.GetProperty("spentTimeMills").GetInt64() >= 0);
        Assert.Equal(body == "throws", result.TryGetProperty("remark", out var remark) && remark.GetString() == "on purpose");
        Assert.Equal(2, _recorder.Count);
        Assert.Empty(await rocketmq.ReadAllAsync(SystemTopics.Retry(_group)));
        Assert.Equal(1, await rocketmq.CommittedAsync(_group, topic));
    }

    [Fact]
    public async Task Offsets_are_told_by_each_member()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await using var cluster = await TestCluster.ConsumeAsync(rocketmq.NameServer, _group, topic, _recorder.Succeed());
        await rocketmq.SendAsync(topic, ["a", "b", "c"]);
        await _recorder.UntilAsync(3);
        var member = Assert.Single((await rocketmq.MembersAsync(_group, topic)).Distinct());

        await Eventually.TrueAsync(
            async () =>
            {
                var answer = await InvokeAsync(topic, RemotingCommand.Request(RequestCodes.InvokeBrokerToGetConsumerStatus).Set("topic", topic).Set("group", _group));
                var offsets = Parse(answer).GetProperty("consumerTable").GetProperty(member);
                return offsets.EnumerateObject().Count() == 2 && offsets.EnumerateObject().Sum(entry => entry.Value.GetInt64()) == 3;
            },
            "the member tells of three messages");
    }

    [Fact]
    public async Task A_reset_by_an_administrator_makes_messages_come_again()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 2);
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer,
            _group,
            topic,
            _recorder.Succeed(),
            consumer => consumer.Configure(options => (options.PersistInterval, options.PullSuspendTimeout) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1))));
        await rocketmq.SendAsync(topic, ["a", "b", "c", "d"]);
        await _recorder.UntilAsync(4);
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 4, "all committed");

        // As mqadmin does: each broker of the topic is asked.
        foreach (var broker in await rocketmq.MastersOfAsync(topic))
        {
            var answer = await rocketmq.Client.Remoting.InvokeAsync(
                broker,
                RemotingCommand.Request(RequestCodes.InvokeBrokerToResetOffset).Set("topic", topic).Set("group", _group).Set("timestamp", 0).Set("isForce", true),
                TimeSpan.FromSeconds(15));
            Assert.Equal(ResponseCodes.Success, answer.Code);
        }

        await _recorder.UntilAsync(8);
        Assert.Equal(["a", "a", "b", "b", "c", "c", "d", "d"], _recorder.Bodies.Order());
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 4, "all committed again");
    }

    private static JsonElement Parse(RemotingCommand answer)
        => JsonDocument.Parse(Encoding.UTF8.GetString(TolerantJson.Normalize(answer.Body.Span))).RootElement;

    private async Task<RemotingCommand> AskMemberAsync(string topic, int code, Action<RemotingCommand> prepare)
        => await AskAsync(topic, code, Assert.Single((await rocketmq.MembersAsync(_group, topic)).Distinct()), prepare);

    private Task<RemotingCommand> AskAsync(string topic, int code, string clientId, Action<RemotingCommand> prepare)
    {
        var request = RemotingCommand.Request(code).Set("consumerGroup", _group).Set("clientId", clientId);
        prepare(request);
        return InvokeAsync(topic, request);
    }

    private async Task<RemotingCommand> InvokeAsync(string topic, RemotingCommand request)
        => await rocketmq.Client.Remoting.InvokeAsync((await rocketmq.MastersOfAsync(topic))[0], request, TimeSpan.FromSeconds(15));
}
