using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Admin;

/// <summary>Our answers hold what those of Java's client hold, by name and kind of value.</summary>
public sealed class AdminAnswerTests
{
    [Fact]
    public async Task The_running_info_has_the_shape_of_Javas()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(8);
        await rocketmq.UntilAllCameAsync(8);
        var java = Recorded(RequestCodes.GetConsumerRunningInfo, body => !body.TryGetProperty("jstack", out _) && body.GetProperty("mqTable").EnumerateObject().Any());

        var plain = Parse(await AskAsync(rocketmq, RequestCodes.GetConsumerRunningInfo, request => request.Set("jstackEnable", false)));
        var withStacks = Parse(await AskAsync(rocketmq, RequestCodes.GetConsumerRunningInfo, request => request.Set("jstackEnable", true)));

        AssertSameShape(java, plain);
        AssertSameShape(First(java, "mqTable"), First(plain, "mqTable"));
        AssertSameShape(First(java, "statusTable"), First(plain, "statusTable"));
        AssertSameShape(java.GetProperty("subscriptionSet")[0], plain.GetProperty("subscriptionSet")[0]);
        Assert.All(plain.GetProperty("mqTable").EnumerateObject(), entry => JsonSerializer.Deserialize(entry.Name, ProtocolJson.Default.QueueKey));
        var javas = java.GetProperty("properties").EnumerateObject().Select(property => property.Name).ToHashSet();
        var ours = plain.GetProperty("properties").EnumerateObject().ToArray();
        Assert.Subset(javas, ours.Select(property => property.Name).ToHashSet());
        Assert.All(ours, property => Assert.Equal(JsonValueKind.String, property.Value.ValueKind));
        Assert.Subset(ours.Select(property => property.Name).ToHashSet(), javas.Where(name => name.StartsWith("PROP_", StringComparison.Ordinal)).ToHashSet());
        Assert.Contains(".NET", withStacks.GetProperty("jstack").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_result_of_direct_consumption_has_the_shape_of_Javas()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(1);
        await rocketmq.UntilAllCameAsync(1);
        var message = rocketmq.Recorder.Deliveries[0].Message;

        var answer = await AskAsync(rocketmq, RequestCodes.ConsumeMessageDirectly, request => request.Set("msgId", message.OffsetMessageId).Set("topic", TestRocketMQ.Topic));

        AssertSameShape(Recorded(RequestCodes.ConsumeMessageDirectly, _ => true), Parse(answer));
    }

    [Theory]
    [InlineData(RequestCodes.GetConsumerRunningInfo)]
    [InlineData(RequestCodes.ConsumeMessageDirectly)]
    public async Task A_group_the_member_does_not_have_is_said_not_to_exist_there(int code)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(1);
        await rocketmq.UntilAllCameAsync(1);
        // The silo's client joins a group that none of its consumers is of, so that the broker passes the question on.
        var other = rocketmq.MyGroup + "_elsewhere";
        var client = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!.Client;
        client.RegisterConsumer(other, () => new ConsumerData { GroupName = other, SubscriptionDataSet = [SubscriptionData.From(TestRocketMQ.Topic, MessageSelector.All, 1)] }, [TestRocketMQ.Topic]);
        await client.HeartbeatAsync();

        var request = RemotingCommand.Request(code).Set("consumerGroup", other).Set("clientId", client.ClientId)
            .Set("jstackEnable", false).Set("msgId", rocketmq.Recorder.Deliveries[0].Message.OffsetMessageId);
        var answer = await rocketmq.Client.Remoting.InvokeAsync(rocketmq.Broker.Address, request);

        Assert.Equal(ResponseCodes.SystemError, answer.Code);
        Assert.Equal($"The Consumer Group <{other}> not exist in this consumer", answer.Remark);
    }

    private static async Task<RemotingCommand> AskAsync(TestRocketMQ rocketmq, int code, Action<RemotingCommand> prepare)
    {
        var ids = await rocketmq.Client.Brokers.GetConsumerIdsAsync(rocketmq.Broker.Address, rocketmq.MyGroup);
        var request = RemotingCommand.Request(code).Set("consumerGroup", rocketmq.MyGroup).Set("clientId", Assert.Single(ids));
        prepare(request);
        var answer = await rocketmq.Client.Remoting.InvokeAsync(rocketmq.Broker.Address, request);
        Assert.Equal(ResponseCodes.Success, answer.Code);
        return answer;
    }

    private static JsonElement Recorded(int code, Func<JsonElement, bool> wanted) => RecordedFrames.Responses(code)
        .Where(frame => frame.From == "client")
        .Select(frame => Parse(frame.Decode()))
        .First(wanted);

    private static JsonElement Parse(RemotingCommand answer) => JsonDocument.Parse(TolerantJson.Normalize(answer.Body.Span).ToArray()).RootElement;

    private static JsonElement First(JsonElement parent, string name) => parent.GetProperty(name).EnumerateObject().First().Value;

    private static void AssertSameShape(JsonElement java, JsonElement ours) => Assert.Equal(Shape(java), Shape(ours));

    // Java writes one of two words where a value is true or false.
    private static IEnumerable<string> Shape(JsonElement element) => element.EnumerateObject()
        .Select(property => $"{property.Name}: {(property.Value.ValueKind == JsonValueKind.False ? JsonValueKind.True : property.Value.ValueKind)}")
        .Order(StringComparer.Ordinal);
}
