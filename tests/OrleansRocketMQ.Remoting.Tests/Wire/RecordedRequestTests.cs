using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Wire;

/// <summary>Sends each recorded request of Java's client with ours, and compares what arrives.</summary>
public sealed class RecordedRequestTests : IAsyncLifetime
{
    private readonly ScriptedPeer _peer = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.SystemError));
    private readonly RemotingClient _remoting = new(new RemotingOptions(), TimeProvider.System, NullLogger.Instance);

    private BrokerClient Brokers => new(_remoting);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _remoting.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Fact]
    public Task Pulls_have_Javas_fields() => AssertSameFields(RequestCodes.PullMessage, fields =>
    {
        var request = new PullRequest(fields["consumerGroup"], Queue(fields), Number(fields, "queueOffset"))
        {
            MaxMessages = (int)Number(fields, "maxMsgNums"),
            MaxBytes = (int)Number(fields, "maxMsgBytes"),
            CommitOffset = Number(fields, "commitOffset"),
            SubVersion = Number(fields, "subVersion"),
        };
        return Brokers.PullAsync(_peer.Address, request).AsTask();
    });

    [Fact]
    public Task Offset_queries_have_Javas_fields() => AssertSameFields(
        RequestCodes.QueryConsumerOffset,
        fields => Brokers.QueryConsumerOffsetAsync(_peer.Address, fields["consumerGroup"], Queue(fields)));

    [Fact]
    public Task Commits_have_Javas_fields() => AssertSameFields(
        RequestCodes.UpdateConsumerOffset,
        fields => Brokers.UpdateConsumerOffsetAsync(_peer.Address, fields["consumerGroup"], Queue(fields), Number(fields, "commitOffset"), oneWay: true));

    [Fact]
    public Task Messages_sent_back_have_Javas_fields() => AssertSameFields(
        RequestCodes.ConsumerSendMessageBack,
        fields => Brokers.SendMessageBackAsync(
            _peer.Address,
            fields["bname"],
            Number(fields, "offset"),
            fields["group"],
            (int)Number(fields, "delayLevel"),
            fields["originMsgId"],
            fields["originTopic"],
            (int)Number(fields, "maxReconsumeTimes")));

    [Fact]
    public Task Member_queries_have_Javas_fields() => AssertSameFields(
        RequestCodes.GetConsumerListByGroup,
        fields => Brokers.GetConsumerIdsAsync(_peer.Address, fields["consumerGroup"]));

    [Fact]
    public Task Farewells_have_Javas_fields() => AssertSameFields(
        RequestCodes.UnregisterClient,
        fields => Brokers.UnregisterAsync(_peer.Address, fields["clientID"], fields.GetValueOrDefault("producerGroup"), fields.GetValueOrDefault("consumerGroup")));

    [Fact]
    public Task New_topics_have_Javas_fields() => AssertSameFields(
        RequestCodes.UpdateAndCreateTopic,
        fields => Brokers.CreateTopicAsync(_peer.Address, fields["topic"], (int)Number(fields, "readQueueNums"), (int)Number(fields, "perm")));

    [Fact]
    public Task Ends_of_transactions_have_Javas_fields() => AssertSameFields(
        RequestCodes.EndTransaction,
        fields => Brokers.EndTransactionAsync(_peer.Address, new EndTransactionRequest
        {
            ProducerGroup = fields["producerGroup"],
            Topic = fields["topic"],
            BrokerName = fields["bname"],
            QueueOffset = Number(fields, "tranStateTableOffset"),
            CommitLogOffset = Number(fields, "commitLogOffset"),
            MessageId = fields["msgId"],
            TransactionId = fields["transactionId"],
            State = (TransactionState)(Number(fields, "commitOrRollback") >> 2),
            FromCheck = bool.Parse(fields["fromTransactionCheck"]),
        }).AsTask());

    [Theory]
    [InlineData(RequestCodes.SendMessageV2)]
    [InlineData(RequestCodes.SendBatchMessage)]
    public Task Sends_have_Javas_fields(int code) => AssertSameFields(code, fields => Brokers.SendAsync(_peer.Address, new SendMessageRequest
    {
        ProducerGroup = fields["a"],
        Topic = fields["b"],
        QueueId = (int)Number(fields, "e"),
        SysFlag = (int)Number(fields, "f"),
        BornTimestamp = Number(fields, "g"),
        Flag = (int)Number(fields, "h"),
        Properties = fields["i"],
        ReconsumeTimes = (int)Number(fields, "j"),
        MaxReconsumeTimes = fields.TryGetValue("l", out var most) ? int.Parse(most, CultureInfo.InvariantCulture) : null,
        Batch = bool.Parse(fields["m"]),
        BrokerName = fields["n"],
        Body = new byte[] { 1 },
    }));

    [Fact]
    public async Task Locks_have_Javas_body_and_no_fields()
    {
        var recorded = RecordedFrames.Requests(RequestCodes.LockBatchMessageQueue).First().Decode();
        var body = TolerantJson.Read(recorded.Body.Span, ProtocolJson.Default.LockBatchRequest);
        await IgnoringRefusal(Brokers.LockAsync(_peer.Address, body.ConsumerGroup, body.ClientId, body.MqSet.Select(queue => queue.ToQueue())));
        var sent = Assert.Single(_peer.ReceivedOf(RequestCodes.LockBatchMessageQueue));
        Assert.Equal(System.Text.Encoding.UTF8.GetString(recorded.Body.Span), System.Text.Encoding.UTF8.GetString(sent.Body.Span));
        Assert.Empty(sent.ExtFields);
    }

    [Fact]
    public async Task Every_request_says_that_it_comes_from_dotnet()
    {
        await IgnoringRefusal(Brokers.GetConsumerIdsAsync(_peer.Address, "g"));
        var sent = Assert.Single(_peer.Received);
        Assert.Equal((LanguageCode.DotNet, ProtocolVersion.Current), (sent.Language, sent.Version));
    }

    [Fact]
    public async Task Requests_are_written_with_the_binary_header_when_set_up_so_unless_their_code_is_too_large()
    {
        await using var binary = new RemotingClient(new RemotingOptions { SerializeType = SerializeType.RocketMQ }, TimeProvider.System, NullLogger.Instance);
        await binary.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.GetMaxOffset).Set("topic", "t"));
        await binary.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.PopMessage).Set("topic", "t"));
        Assert.Equal([SerializeType.RocketMQ, SerializeType.Json], _peer.Received.Select(request => request.SerializeType));
    }

    private static MessageQueue Queue(Dictionary<string, string> fields) => new(fields["topic"], fields["bname"], (int)Number(fields, "queueId"));

    private static long Number(Dictionary<string, string> fields, string name) => long.Parse(fields[name], CultureInfo.InvariantCulture);

    private static async Task IgnoringRefusal(Task sending)
    {
        try
        {
            await sending.InTime();
        }
        catch (BrokerResponseException)
        {
            // The peer refuses everything; what it got is what counts.
        }
    }

    private async Task AssertSameFields(int code, Func<Dictionary<string, string>, Task> send)
    {
        var recorded = RecordedFrames.Requests(code).ToList();
        Assert.NotEmpty(recorded);
        foreach (var frame in recorded)
        {
            _peer.Received.Clear();
            await IgnoringRefusal(send(frame.PlainFields));
            await Eventually.Holds(() => !_peer.Received.IsEmpty);
            Assert.True(_peer.Received.TryDequeue(out var sent));
            Assert.Equal(code, sent.Code);
            Assert.Equal(frame.Kind == "oneway", sent.IsOneWay);
            Assert.Equal(frame.PlainFields, sent.ExtFields.ToDictionary());
        }
    }
}
