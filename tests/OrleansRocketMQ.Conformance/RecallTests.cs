using System.Text;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>Messages that wait for their time are taken back. Needs brokers from 5.3.2 on with <c>recallMessageEnable=true</c>.</summary>
[Collection(RocketMQCollection.Name)]
public sealed class RecallTests(RocketMQCluster rocketmq)
{
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task A_message_that_is_taken_back_does_not_come_and_others_of_its_time_do()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await using var cluster = await TestCluster.ConsumeAsync(
            rocketmq.NameServer, RocketMQCluster.NewName("group"), topic, _recorder.Succeed());
        var due = DateTimeOffset.UtcNow.AddSeconds(6);
        await SendAsync(topic, "before", due);
        var recalled = await SendAsync(topic, "recalled", due);
        await SendAsync(topic, "behind", due);

        Assert.Equal(recalled.MessageId, await rocketmq.Producer.RecallAsync(topic, recalled.RecallHandle!));
        await SendAsync(topic, "the last one", due.AddSeconds(3));
        await Eventually.TrueAsync(() => _recorder.Bodies.Contains("the last one"), "the last message");

        Assert.Equal(["before", "behind", "the last one"], _recorder.Bodies.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Only_a_message_that_waits_has_a_handle()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);

        Assert.Null((await rocketmq.Producer.SendAsync(new Message(topic, "now"u8.ToArray()))).RecallHandle);
        Assert.Null((await rocketmq.Producer.SendAsync(new Message(topic, "level"u8.ToArray()) { DelayLevel = 1 })).RecallHandle);
        var handle = Parts((await SendAsync(topic, "timed", DateTimeOffset.UtcNow.AddSeconds(5))).RecallHandle!);
        Assert.Equal(("v1", topic), (handle[0], handle[1]));
    }

    [Fact]
    public async Task A_handle_is_refused_for_another_topic_and_once_its_time_is_past()
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        var other = await rocketmq.CreateTopicAsync((await rocketmq.MastersAsync()).Count); // Each broker knows it.
        var sent = await SendAsync(topic, "timed", DateTimeOffset.UtcNow.AddSeconds(30));
        var handle = Parts(sent.RecallHandle!);

        await RefusedAsync(ResponseCodes.IllegalOperation, other, handle);
        await RefusedAsync(ResponseCodes.IllegalOperation, topic, [handle[0], handle[1], handle[2], "1", handle[4]]);
        await RefusedAsync(ResponseCodes.TopicNotExist, RocketMQCluster.NewName("unknown"), handle);
        await Assert.ThrowsAsync<RocketMQValidationException>(() => rocketmq.Producer.RecallAsync(topic, "no handle"));
    }

    private async Task RefusedAsync(int code, string topic, string[] handle)
    {
        var refusal = await Assert.ThrowsAsync<BrokerResponseException>(() => rocketmq.Client.Brokers.RecallAsync(
            rocketmq.Client.Routes.FindAddress(handle[2])!.Value.Address, "p", topic, Join(handle), handle[2]));
        Assert.Equal(code, refusal.ResponseCode);
    }

    /// <summary>The version, the topic, the broker, the time and the message's id, in Base64 for URLs.</summary>
    private static string[] Parts(string handle)
        => Encoding.UTF8.GetString(Convert.FromBase64String(handle.Replace('-', '+').Replace('_', '/'))).Split(' ');

    private static string Join(string[] parts)
        => Convert.ToBase64String(Encoding.UTF8.GetBytes(string.Join(' ', parts))).Replace('+', '-').Replace('/', '_');

    private Task<SendResult> SendAsync(string topic, string text, DateTimeOffset due)
        => rocketmq.Producer.SendAsync(new Message(topic, Encoding.UTF8.GetBytes(text)) { DeliverAt = due });
}
