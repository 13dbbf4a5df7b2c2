using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>A member of a group that pops, with the clock of the broker it asks.</summary>
internal sealed class PopClient(TestBroker test, TestClient client, string group = "g", string topic = "orders")
{
    public static readonly TimeSpan Invisible = TimeSpan.FromSeconds(10);

    public TestClient Client { get; } = client;

    public long Now => test.Time.GetUtcNow().ToUnixTimeMilliseconds();

    public static async Task<PopClient> ConnectAsync(TestBroker test, string group = "g", string topic = "orders")
        => new(test, await test.ConnectAsync(), group, topic);

    /// <summary>Pops without waiting from any queue, from the first message on.</summary>
    public async Task<PopResult> PopAsync(
        int queueId = PopRequest.AnyQueue, int max = 32, TimeSpan? invisible = null, long pollMillis = 0, string? exp = "*", string expType = "TAG",
        bool order = false, string? attemptId = null, PopInitMode init = PopInitMode.Min)
        => PopAnswer.Read(
            Answered(await AskAsync(queueId, max, invisible, pollMillis, exp, expType, order, attemptId, init).WithinDeadline()),
            new PopRequest(group, new(topic, "broker-a", queueId)));

    /// <summary>Pops and decodes.</summary>
    public async Task<IReadOnlyList<MessageExt>> TakeAsync(
        int queueId = PopRequest.AnyQueue, int max = 32, TimeSpan? invisible = null, string? exp = "*", string expType = "TAG", bool order = false, string? attemptId = null)
        => (await PopAsync(queueId, max, invisible, exp: exp, expType: expType, order: order, attemptId: attemptId)).Decode();

    public Task<RemotingCommand> AskAsync(
        int queueId = PopRequest.AnyQueue, int max = 32, TimeSpan? invisible = null, long pollMillis = 0, string? exp = "*", string expType = "TAG",
        bool order = false, string? attemptId = null, PopInitMode init = PopInitMode.Min, long? born = null)
        => Client.InvokeAsync(
            RequestCodes.PopMessage,
            ("consumerGroup", group), ("topic", topic), ("queueId", queueId), ("maxMsgNums", max), ("invisibleTime", (long)(invisible ?? Invisible).TotalMilliseconds),
            ("pollTime", pollMillis), ("bornTime", born ?? Now), ("initMode", (int)init), ("exp", exp), ("expType", expType), ("order", order), ("attemptId", attemptId), ("bname", "broker-a"));

    public Task<RemotingCommand> AckAsync(MessageExt message) => AckAsync(message.ReceiptHandle!.Value);

    public Task<RemotingCommand> AckAsync(ReceiptHandle handle) => Client.InvokeAsync(
        RequestCodes.AckMessage,
        ("consumerGroup", group), ("topic", handle.TopicOf(topic, group)), ("queueId", handle.QueueId), ("extraInfo", handle), ("offset", handle.QueueOffset));

    public Task<RemotingCommand> BatchAckAsync(IEnumerable<MessageExt> messages) => Client.InvokeAsync(
        RequestCodes.BatchAckMessage,
        System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
            BatchAckRequest.Of(topic, group, [.. messages.Select(message => message.ReceiptHandle!.Value)]), ProtocolJson.Default.BatchAckRequest));

    public async Task<ReceiptHandle?> ChangeAsync(ReceiptHandle handle, TimeSpan invisible)
        => PopAnswer.ReadHandle(await AskChangeAsync(handle, invisible), handle);

    public Task<RemotingCommand> AskChangeAsync(ReceiptHandle handle, TimeSpan invisible) => Client.InvokeAsync(
        RequestCodes.ChangeMessageInvisibleTime,
        ("consumerGroup", group), ("topic", handle.TopicOf(topic, group)), ("queueId", handle.QueueId), ("extraInfo", handle), ("offset", handle.QueueOffset),
        ("invisibleTime", (long)invisible.TotalMilliseconds));

    public Task<RemotingCommand> AskNotificationAsync(int queueId = PopRequest.AnyQueue, long pollMillis = 0, bool order = false) => Client.InvokeAsync(
        RequestCodes.Notification,
        ("consumerGroup", group), ("topic", topic), ("queueId", queueId), ("pollTime", pollMillis), ("bornTime", Now), ("order", order));

    private static RemotingCommand Answered(RemotingCommand answer)
    {
        Assert.True(PopAnswer.StatusOf(answer.Code) is not null, $"{ResponseCodes.NameOf(answer.Code)}: {answer.Remark}");
        return answer;
    }
}
