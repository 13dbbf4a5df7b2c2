using System.Globalization;
using System.Net;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

/// <summary>Pops and what belongs to them: what is sent, and what is made of the answers.</summary>
public sealed class PopTests : IAsyncLifetime
{
    private static readonly ReceiptHandle Handle = new(4, 1700000000000, 60000, 3, PopTopicKind.Normal, "broker-a", 1, 5);

    private readonly ScriptedPeer _peer = new();
    private readonly RemotingClient _remoting = new(new RemotingOptions(), TimeProvider.System, NullLogger.Instance);
    private Func<RemotingCommand, RemotingCommand> _answer = request => RemotingCommand.Response(request, ResponseCodes.Success);

    public PopTests() => _peer.OnRequest = (connection, request) => connection.SendAsync(_answer(request));

    private static IEnumerable<RecordedFrame> RecordedPops
        => RecordedFrames.Responses(RequestCodes.PopMessage).Where(frame => frame.Messages.Count > 0);

    private BrokerClient Brokers => new(_remoting);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _remoting.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Fact]
    public async Task Pops_have_Javas_fields()
    {
        var recorded = RecordedFrames.Requests(RequestCodes.PopMessage).ToList();
        Assert.NotEmpty(recorded);
        foreach (var fields in recorded.Select(frame => frame.PlainFields))
        {
            var clock = new StoppedClock(Number(fields, "bornTime"));
            await using var remoting = new RemotingClient(new RemotingOptions(), clock, NullLogger.Instance);
            var request = new PopRequest(fields["consumerGroup"], Queue(fields)) { InitMode = (PopInitMode)Number(fields, "initMode") };
            _answer = pop => RemotingCommand.Response(pop, ResponseCodes.PollingTimeout);
            var result = await new BrokerClient(remoting).PopAsync(_peer.Address, request).InTime();
            Assert.Equal((PopStatus.NotFound, 0), (result.Status, result.Decode().Count));
            AssertLastSent(RequestCodes.PopMessage, fields);
        }
    }

    [Fact]
    public async Task Acknowledgements_have_Javas_fields()
    {
        foreach (var fields in RecordedFrames.Requests(RequestCodes.AckMessage).Select(frame => frame.PlainFields))
        {
            Assert.True(await Brokers.AckAsync(_peer.Address, fields["consumerGroup"], TopicOf(fields), ReceiptHandle.Parse(fields["extraInfo"])).InTime());
            AssertLastSent(RequestCodes.AckMessage, fields);
        }

        Assert.NotEmpty(_peer.Received);
    }

    [Fact]
    public async Task Changes_of_the_invisible_time_have_Javas_fields_and_bring_the_handle_that_counts_next()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success).Set("popTime", 1795231802286).Set("invisibleTime", 10000).Set("reviveQid", 5);
        foreach (var fields in RecordedFrames.Requests(RequestCodes.ChangeMessageInvisibleTime).Select(frame => frame.PlainFields))
        {
            var handle = ReceiptHandle.Parse(fields["extraInfo"]);
            var time = TimeSpan.FromMilliseconds(Number(fields, "invisibleTime"));
            var next = await Brokers.ChangeInvisibleTimeAsync(_peer.Address, fields["consumerGroup"], TopicOf(fields), handle, time).InTime();
            AssertLastSent(RequestCodes.ChangeMessageInvisibleTime, fields);
            Assert.Equal(handle with { CheckpointOffset = handle.QueueOffset, PopTime = 1795231802286, InvisibleTime = 10000, ReviveQueueId = 5 }, next);
        }

        Assert.NotEmpty(_peer.Received);
    }

    [Fact]
    public async Task Modes_and_questions_for_assignments_have_Javas_bodies()
    {
        foreach (var frame in RecordedFrames.Requests(RequestCodes.SetMessageRequestMode).Concat(RecordedFrames.Requests(RequestCodes.QueryAssignment)))
        {
            var java = frame.Decode();
            if (frame.Request == RequestCodes.SetMessageRequestMode)
            {
                var mode = TolerantJson.Read(java.Body.Span, ProtocolJson.Default.SetMessageRequestModeRequest);
                await Brokers.SetMessageRequestModeAsync(_peer.Address, mode.Topic, mode.ConsumerGroup, mode.Mode, mode.PopShareQueueNum).InTime();
            }
            else
            {
                var question = TolerantJson.Read(java.Body.Span, ProtocolJson.Default.QueryAssignmentRequest);
                Assert.Null(await Brokers.QueryAssignmentAsync(_peer.Address, question.Topic, question.ConsumerGroup, question.ClientId).InTime());
            }

            var sent = _peer.Received.Last();
            Assert.Equal((frame.Request, Encoding.UTF8.GetString(java.Body.Span)), (sent.Code, Encoding.UTF8.GetString(sent.Body.Span)));
        }

        Assert.True(_peer.Received.Count > 2);
    }

    [Fact]
    public async Task Recorded_assignments_are_understood()
    {
        var assigned = new List<QueueAssignment>();
        foreach (var frame in RecordedFrames.Responses(RequestCodes.QueryAssignment))
        {
            _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: frame.Decode().Body);
            assigned.AddRange((await Brokers.QueryAssignmentAsync(_peer.Address, "t", "g", "c").InTime())!);
        }

        Assert.Equal(
            [(MessageRequestMode.Pull, 0, "%RETRY%gp_20488"), (MessageRequestMode.Pop, PopRequest.AnyQueue, "wire_20488")],
            assigned.Select(queue => (queue.Mode, queue.Queue.QueueId, queue.Queue.Topic)));
    }

    [Fact]
    public async Task An_answer_without_assignments_says_keep_and_an_empty_one_give_up()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: "{}"u8.ToArray());
        Assert.Null(await Brokers.QueryAssignmentAsync(_peer.Address, "t", "g", "c").InTime());
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: """{"messageQueueAssignments":[]}"""u8.ToArray());
        Assert.Empty((await Brokers.QueryAssignmentAsync(_peer.Address, "t", "g", "c").InTime())!);
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: """{"messageQueueAssignments":[{"mode":"SOME_DAY"}]}"""u8.ToArray());
        await Assert.ThrowsAsync<MessageFormatException>(() => Brokers.QueryAssignmentAsync(_peer.Address, "t", "g", "c").InTime());
    }

    [Fact]
    public void Recorded_pops_bring_the_messages_Java_has_with_handles_it_acknowledges()
    {
        var acknowledged = RecordedFrames.Requests(RequestCodes.AckMessage).Select(frame => frame.PlainFields["extraInfo"]).ToHashSet();
        var changed = RecordedFrames.Requests(RequestCodes.ChangeMessageInvisibleTime).Select(frame => frame.PlainFields["extraInfo"]).ToHashSet();
        var handles = new HashSet<string>();
        foreach (var frame in RecordedPops)
        {
            var result = PopAnswer.Read(frame.Decode(), new PopRequest("gp_20488", new("wire_20488", "broker-a", PopRequest.AnyQueue)));
            var messages = result.Decode();
            Assert.Equal(frame.Messages.Count, messages.Count);
            foreach (var (java, message) in frame.Messages.Zip(messages))
            {
                Assert.Equal(java.GetProperty("queueOffset").GetInt64(), message.QueueOffset);
                Assert.Equal(("wire_20488", "broker-a"), (message.Topic, message.BrokerName));
                Assert.Equal(java.GetProperty("reconsumeTimes").GetInt32(), message.ReconsumeTimes);
                var handle = message.ReceiptHandle!.Value;
                Assert.Equal(message.ReconsumeTimes > 0 ? PopTopicKind.RetryV1 : PopTopicKind.Normal, handle.Kind);
                Assert.Equal(handle.ToString(), message.GetProperty(MessageProperties.PopCheckpoint));
                Assert.Equal(handle.ToString(), message.Properties[MessageProperties.PopCheckpoint]);
                var properties = java.GetProperty("properties");
                Assert.Equal(
                    properties.TryGetProperty("1ST_POP_TIME", out var first) ? first.GetString() : result.PopTime.ToString(CultureInfo.InvariantCulture),
                    message.GetProperty(MessageProperties.FirstPopTime));
                handles.Add(handle.ToString());
            }
        }

        Assert.True(acknowledged.Count > 0 && changed.Count > 0);
        Assert.Superset(acknowledged, handles);
        Assert.Superset(changed, handles);
    }

    [Fact]
    public void A_checkpoint_property_that_is_none_of_the_answer_is_not_believed()
    {
        var messages = Read(
            Answer("0 0 5", "0 0 5,6,7", null),
            Stored(5, properties: [("POP_CK", "0 1 2 3 1 broker-a 0 9")]),
            Stored(6, properties: [("POP_CK", "garbage")]),
            Stored(7, properties: [("POP_CK", "5 1700000000000 60000 3 1 broker-a 0 7")])).Decode();

        Assert.All(messages, message => Assert.Equal(PopTopicKind.Normal, message.ReceiptHandle!.Value.Kind));
        Assert.Equal(["5 1700000000000 60000 3 0 broker-a 0 5", "5 1700000000000 60000 3 0 broker-a 0 6", "5 1700000000000 60000 3 0 broker-a 0 7"], messages.Select(message => message.GetProperty("POP_CK")));
    }

    [Fact]
    public void Messages_of_queue_and_retry_queue_with_the_same_numbers_are_told_apart()
    {
        var messages = Read(
            Answer("1 0 0;0 0 0", "1 0 0;0 0 0", null),
            Stored(0, properties: [("POP_CK", "0 1700000000000 60000 3 1 broker-a 0 0")]),
            Stored(0),
            Stored(0, topic: "%RETRY%g_orders")).Decode();

        Assert.Equal([PopTopicKind.RetryV1, PopTopicKind.Normal, PopTopicKind.RetryV1], messages.Select(message => message.ReceiptHandle!.Value.Kind));
        Assert.All(messages, message => Assert.Equal("orders", message.Topic));
    }

    [Fact]
    public void A_retried_message_with_a_strange_checkpoint_property_is_found_where_the_answer_tells_of_it()
    {
        var messages = Read(Answer("1 0 4", "1 0 5", null), Stored(5, properties: [("POP_CK", "0 1 2 3 0 broker-b 0 9")])).Decode();
        Assert.Equal("4 1700000000000 60000 3 1 broker-a 0 5", Assert.Single(messages).ReceiptHandle.ToString());
    }

    [Fact]
    public void Messages_popped_in_order_know_how_often_that_was_before()
    {
        var messages = Read(Answer("0 0 5", "0 0 5,6", "0 qo0%5 3;0 0 0", 999), Stored(5), Stored(6)).Decode();
        Assert.Equal([(3, true), (0, true)], messages.Select(message => (message.ReconsumeTimes, message.ReceiptHandle!.Value.IsOrdered)));
    }

    [Fact]
    public void Where_a_broker_does_not_tell_the_first_message_of_a_queue_is_where_the_pop_began()
    {
        var messages = Read(Answer(null, null, null), Stored(5), Stored(8)).Decode();
        Assert.Equal([(5L, 5L), (5L, 8L)], messages.Select(message => (message.ReceiptHandle!.Value.CheckpointOffset, message.QueueOffset)));
    }

    [Fact]
    public void A_message_the_answer_does_not_tell_of_is_an_error_and_no_guess()
    {
        var refused = Assert.Throws<MessageFormatException>(() => Read(Answer("0 0 5", "0 0 5", null), Stored(6)).Decode());
        Assert.Contains("message 6 of queue 0", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Hostile_answers_are_refused_and_nothing_else_happens() => Generators.ForAll(
        from names in Gen.Elements("popTime", "invisibleTime", "reviveQid", "restNum", "startOffsetInfo", "msgOffsetInfo", "orderCountInfo").ListOf()
        from values in Gen.Elements("", "0", "-1", "x", "9223372036854775807", "99999999999999999999", "0 0 5", "0 0 5,6", "1 0 5", ";", "0 qo0%5 7").ListOf(names.Count)
        select names.Zip(values).ToList(),
        fields =>
        {
            var answer = Answer("0 0 5", "0 0 5", null);
            foreach (var (name, value) in fields)
            {
                answer.Set(name, value);
            }

            try
            {
                return Read(answer, Stored(5)).Decode().Count == 1;
            }
            catch (Exception refused)
            {
                return refused is MessageFormatException or RocketMQValidationException;
            }
        });

    [Theory]
    [InlineData(ResponseCodes.PollingFull, PopStatus.PollingFull)]
    [InlineData(ResponseCodes.PollingTimeout, PopStatus.NotFound)]
    [InlineData(ResponseCodes.PullNotFound, PopStatus.NotFound)]
    public async Task An_answer_without_messages_says_why_by_its_code(int code, PopStatus status)
    {
        _answer = request => RemotingCommand.Response(request, code).Set("restNum", 7);
        var result = await Brokers.PopAsync(_peer.Address, new PopRequest("g", new("t", "broker-a", 0))).InTime();
        Assert.Equal((status, 7L), (result.Status, result.RestCount));
        Assert.Empty(result.Decode());
    }

    [Fact]
    public async Task A_refused_pop_says_why()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.SubscriptionParseFailed, "parse the consumer's subscription failed");
        var refused = await Assert.ThrowsAsync<BrokerResponseException>(() => Brokers.PopAsync(_peer.Address, new PopRequest("g", new("t", "broker-a", 0))).InTime());
        Assert.Equal((RequestCodes.PopMessage, ResponseCodes.SubscriptionParseFailed), (refused.RequestCode, refused.ResponseCode));
    }

    [Fact]
    public async Task A_pop_that_its_broker_takes_for_late_is_refused_and_not_an_empty_answer_after_which_one_asks_again_at_once()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.PollingTimeout, "the broker[10.0.0.1] pop message is timeout too much");
        var refused = await Assert.ThrowsAsync<BrokerResponseException>(() => Brokers.PopAsync(_peer.Address, new PopRequest("g", new("t", "broker-a", 0))).InTime());
        Assert.Contains("timeout too much", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_is_gone_is_no_error()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.NoMessage);
        Assert.False(await Brokers.AckAsync(_peer.Address, "g", "t", Handle).InTime());
        Assert.Null(await Brokers.ChangeInvisibleTimeAsync(_peer.Address, "g", "t", Handle, TimeSpan.FromSeconds(1)).InTime());
        _answer = request => RemotingCommand.Response(request, ResponseCodes.TopicNotExist);
        await Assert.ThrowsAsync<BrokerResponseException>(() => Brokers.AckAsync(_peer.Address, "g", "t", Handle).InTime());
    }

    [Fact]
    public async Task A_message_popped_in_order_that_is_acknowledged_already_has_no_next_handle()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success).Set("popTime", 0).Set("invisibleTime", 0).Set("reviveQid", 0);
        Assert.Null(await Brokers.ChangeInvisibleTimeAsync(_peer.Address, "g", "t", Handle, TimeSpan.FromSeconds(1)).InTime());
    }

    [Fact]
    public async Task Handles_of_several_brokers_are_not_acknowledged_together_and_none_at_all_asks_nobody()
    {
        await Brokers.BatchAckAsync(_peer.Address, "g", "t", []).InTime();
        await Assert.ThrowsAsync<RocketMQValidationException>(() => Brokers.BatchAckAsync(_peer.Address, "g", "t", [Handle, Handle with { BrokerName = "broker-b" }]));
        Assert.Empty(_peer.Received);
        await Brokers.BatchAckAsync(_peer.Address, "g", "t", [Handle, Handle with { QueueOffset = 6 }]).InTime();
        var sent = TolerantJson.Read(Assert.Single(_peer.Received).Body.Span, ProtocolJson.Default.BatchAckRequest);
        Assert.Equal([5L, 6L], Assert.Single(sent.Acks).Offsets());
    }

    [Fact]
    public async Task Waiting_takes_no_message_and_tells_what_there_is()
    {
        var request = new PopRequest("g", new("t", "broker-a", PopRequest.AnyQueue)) { PollTime = TimeSpan.FromSeconds(3) };
        foreach (var (hasMessage, isFull, expected) in new[] { (true, false, PopStatus.Found), (false, true, PopStatus.PollingFull), (false, false, PopStatus.NotFound) })
        {
            _answer = asked => RemotingCommand.Response(asked, ResponseCodes.Success).Set("hasMsg", hasMessage).Set("pollingFull", isFull);
            Assert.Equal(expected, await Brokers.WaitForMessagesAsync(_peer.Address, request).InTime());
        }

        var sent = _peer.Received.Last();
        Assert.Equal((RequestCodes.Notification, "-1", "3000", "false"), (sent.Code, sent["queueId"], sent["pollTime"], sent["order"]));
    }

    [Fact]
    public async Task Topic_and_group_of_a_tenant_have_its_namespace_each_where_they_make_one_name()
    {
        await using var remoting = new RemotingClient(new RemotingOptions { Namespace = "tenantB", SerializeType = SerializeType.RocketMQ }, TimeProvider.System, NullLogger.Instance);
        await new BrokerClient(remoting).AckAsync(_peer.Address, "g", "t", Handle with { Kind = PopTopicKind.RetryV1 }).InTime();
        var sent = _peer.Received.Last();
        Assert.Equal(("%RETRY%tenantB%g_tenantB%t", "tenantB%g", SerializeType.Json), (sent["topic"], sent["consumerGroup"], sent.SerializeType));

        await new BrokerClient(remoting).BatchAckAsync(_peer.Address, "g", "t", [Handle]).InTime();
        var batch = Assert.Single(TolerantJson.Read(_peer.Received.Last().Body.Span, ProtocolJson.Default.BatchAckRequest).Acks);
        Assert.Equal(("tenantB%t", "tenantB%g"), (batch.Topic, batch.ConsumerGroup));

        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: """{"messageQueueAssignments":[{"messageQueue":{"brokerName":"b","queueId":-1,"topic":"tenantB%t"},"mode":"POP"}]}"""u8.ToArray());
        var assigned = Assert.Single((await new BrokerClient(remoting).QueryAssignmentAsync(_peer.Address, "t", "g", "c").InTime())!);
        Assert.Equal(new QueueAssignment(new("t", "b", -1), MessageRequestMode.Pop), assigned);
        Assert.Contains("tenantB%g", Encoding.UTF8.GetString(_peer.Received.Last().Body.Span), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"PUSH\"")]
    [InlineData("7")]
    public async Task An_assignment_with_a_mode_that_nobody_knows_is_refused(string mode)
    {
        await using var remoting = new RemotingClient(new RemotingOptions(), TimeProvider.System, NullLogger.Instance);
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(
            $$"""{"messageQueueAssignments":[{"messageQueue":{"brokerName":"b","queueId":-1,"topic":"t"},"mode":{{mode}}}]}"""));
        await Assert.ThrowsAsync<MessageFormatException>(() => new BrokerClient(remoting).QueryAssignmentAsync(_peer.Address, "t", "g", "c").InTime());
    }

    private static PopResult Read(RemotingCommand answer, params StoredMessage[] messages)
    {
        var whole = RemotingCommand.Response(RemotingCommand.Request(RequestCodes.PopMessage), ResponseCodes.Success, body: messages.SelectMany(message => message.Encode()).ToArray());
        foreach (var (name, value) in answer.ExtFields)
        {
            whole.Set(name, value);
        }

        return PopAnswer.Read(whole, new PopRequest("g", new("orders", "broker-a", 0)));
    }

    private static RemotingCommand Answer(string? starts, string? offsets, string? counts, int reviveQueueId = 3)
        => RemotingCommand.Request(RequestCodes.PopMessage).Set("popTime", 1700000000000).Set("invisibleTime", 60000).Set("reviveQid", reviveQueueId).Set("restNum", 0)
            .Set("startOffsetInfo", starts).Set("msgOffsetInfo", offsets).Set("orderCountInfo", counts);

    private static StoredMessage Stored(long offset, string topic = "orders", (string Name, string Value)[]? properties = null) => new()
    {
        Topic = topic,
        QueueOffset = offset,
        BornHost = new(IPAddress.Loopback, 1),
        StoreHost = new(IPAddress.Loopback, 2),
        Properties = MessageProperties.Encode((properties ?? []).Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
    };

    private static string TopicOf(Dictionary<string, string> fields)
        => fields["topic"].Replace($"%RETRY%{fields["consumerGroup"]}_", string.Empty, StringComparison.Ordinal);

    private static MessageQueue Queue(Dictionary<string, string> fields) => new(fields["topic"], fields["bname"], (int)Number(fields, "queueId"));

    private static long Number(Dictionary<string, string> fields, string name) => long.Parse(fields[name], CultureInfo.InvariantCulture);

    private void AssertLastSent(int code, Dictionary<string, string> fields)
    {
        var sent = _peer.Received.Last();
        Assert.Equal((code, SerializeType.Json), (sent.Code, sent.SerializeType));
        Assert.Equal(fields, sent.ExtFields.ToDictionary());
    }

    private sealed class StoppedClock(long milliseconds) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
    }
}
