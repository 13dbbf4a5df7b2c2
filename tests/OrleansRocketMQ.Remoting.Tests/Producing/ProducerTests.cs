using System.Text;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Producing;

public sealed class ProducerTests : IAsyncLifetime
{
    private static readonly byte[] Body = "hello"u8.ToArray();

    private readonly FakeCluster _cluster = new();
    private readonly TestLog _log = new();
    private readonly ScriptedPeer _a;
    private readonly ScriptedPeer _b;
    private readonly RocketMQClient _client;
    private readonly Producer _producer;
    private Func<string, RemotingCommand, RemotingCommand?>? _refuse;

    public ProducerTests()
    {
        _a = _cluster.AddBroker(request => Answer("a", request));
        _b = _cluster.AddBroker(request => Answer("b", request));
        _cluster.SetRoute("T", 2, ("a", 0, _a.Address), ("b", 0, _b.Address));
        _client = _cluster.NewClient(_log);
        _producer = new Producer(_client, new ProducerOptions { Group = "p" }, _log);
    }

    private List<RemotingCommand> Sends => [.. _a.Received.Concat(_b.Received).Where(request => request.Code is RequestCodes.SendMessageV2 or RequestCodes.SendBatchMessage)];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _producer.DisposeAsync();
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_message_is_sent_with_Javas_header_and_its_place_is_told()
    {
        var message = new Message("T", Body, "TagA", "k1 k2") { Flag = 9, ["color"] = "red" };
        var result = await _producer.SendAsync(message).InTime();
        var sent = Assert.Single(Sends);
        Assert.Equal(RequestCodes.SendMessageV2, sent.Code);
        Assert.Equal(RecordedFrames.Requests(RequestCodes.SendMessageV2).First().PlainFields.Keys.Order(), sent.ExtFields.Keys.Order());
        Assert.Equal(("p", "T", "TBW102", "4", "0", "9", "0", "false", "false"), (sent["a"], sent["b"], sent["c"], sent["d"], sent["f"], sent["h"], sent["j"], sent["k"], sent["m"]));
        Assert.Equal(Body, sent.Body.ToArray());
        var properties = MessageProperties.Decode(Encoding.UTF8.GetBytes(sent["i"]!));
        Assert.Equal(["KEYS", "TAGS", "UNIQ_KEY", "WAIT", "color"], properties.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("true", properties["WAIT"]);
        Assert.Equal(properties["UNIQ_KEY"], result.MessageId);
        Assert.Equal(message["UNIQ_KEY"], result.MessageId);
        Assert.Equal((SendStatus.Ok, 123L, "R1", new MessageQueue("T", sent["n"]!, int.Parse(sent["e"]!, System.Globalization.CultureInfo.InvariantCulture))), (result.Status, result.QueueOffset, result.RegionId, result.Queue));
        Assert.Equal("7F00000100002A9F00000000000001DC", result.OffsetMessageId);
    }

    [Fact]
    public async Task Messages_go_to_one_queue_after_the_other()
    {
        var queues = new List<MessageQueue>();
        for (var n = 0; n < 8; n++)
        {
            queues.Add((await _producer.SendAsync(new Message("T", Body)).InTime()).Queue);
        }

        Assert.All(queues.GroupBy(queue => queue), visits => Assert.Equal(2, visits.Count()));
        Assert.Equal(queues.Take(4), queues.Skip(4));
    }

    [Theory]
    [InlineData(ResponseCodes.SystemError)]
    [InlineData(ResponseCodes.SystemBusy)]
    [InlineData(ResponseCodes.TopicNotExist)]
    [InlineData(ResponseCodes.ServiceNotAvailable)]
    [InlineData(ResponseCodes.NoPermission)]
    public async Task What_one_broker_cannot_store_is_sent_to_another(int code)
    {
        _refuse = (broker, request) => broker == "a" ? RemotingCommand.Response(request, code) : null;
        for (var n = 0; n < 4; n++)
        {
            Assert.Equal("b", (await _producer.SendAsync(new Message("T", Body)).InTime()).Queue.BrokerName);
        }

        Assert.True(_a.ReceivedOf(RequestCodes.SendMessageV2).Any());
    }

    [Fact]
    public async Task A_broker_that_closes_the_connection_is_avoided_by_the_next_attempt()
    {
        _a.OnRequest = (connection, _) =>
        {
            connection.Close();
            return Task.CompletedTask;
        };
        for (var n = 0; n < 4; n++)
        {
            Assert.Equal("b", (await _producer.SendAsync(new Message("T", Body)).InTime()).Queue.BrokerName);
        }
    }

    [Fact]
    public async Task After_three_attempts_the_last_reason_is_told_and_all_carried_the_same_id()
    {
        _refuse = (broker, request) => RemotingCommand.Response(request, ResponseCodes.SystemBusy, $"{broker} is busy");
        var error = await Assert.ThrowsAsync<SendFailedException>(() => _producer.SendAsync(new Message("T", Body)).InTime());
        Assert.IsType<BrokerResponseException>(error.InnerException);
        Assert.Equal(3, Sends.Count);
        Assert.Single(Sends.Select(send => send["i"]).Distinct());
        Assert.Equal(3, _log.Count(LogLevel.Warning));
    }

    [Fact]
    public async Task What_every_broker_would_refuse_is_not_tried_again()
    {
        _refuse = (_, request) => RemotingCommand.Response(request, ResponseCodes.MessageIllegal, "too large");
        Assert.Equal(ResponseCodes.MessageIllegal, (await Assert.ThrowsAsync<BrokerResponseException>(() => _producer.SendAsync(new Message("T", Body)).InTime())).ResponseCode);
        Assert.Single(Sends);
    }

    [Theory]
    [InlineData(ResponseCodes.FlushDiskTimeout, SendStatus.FlushDiskTimeout)]
    [InlineData(ResponseCodes.FlushSlaveTimeout, SendStatus.FlushSlaveTimeout)]
    [InlineData(ResponseCodes.SlaveNotAvailable, SendStatus.SlaveNotAvailable)]
    public async Task A_message_stored_less_safely_is_a_result_and_tried_elsewhere_only_when_set_up_so(int code, SendStatus status)
    {
        _refuse = (broker, request) => broker == "a" || code == ResponseCodes.FlushDiskTimeout ? Stored(request, code) : null;
        var results = new[] { await _producer.SendAsync(new Message("T", Body)).InTime(), await _producer.SendAsync(new Message("T", Body)).InTime(), await _producer.SendAsync(new Message("T", Body)).InTime() };
        Assert.Contains(results, result => result.Status == status);
        Assert.Equal(3, Sends.Count);

        await using var careful = new Producer(_client, new ProducerOptions { Group = "p", RetryWhenNotStoredOk = true }, _log);
        for (var n = 0; n < 4; n++)
        {
            Assert.Equal(code == ResponseCodes.FlushDiskTimeout ? status : SendStatus.Ok, (await careful.SendAsync(new Message("T", Body)).InTime()).Status);
        }
    }

    [Fact]
    public async Task A_topic_that_does_not_exist_takes_the_queues_of_the_default_topic_until_it_does()
    {
        _cluster.SetRoute("TBW102", 8, ("a", 0, _a.Address));
        Assert.Equal(4, (await _producer.GetQueuesAsync("New").InTime()).Count);
        var result = await _producer.SendAsync(new Message("New", Body)).InTime();
        Assert.Equal(("New", "a"), (result.Queue.Topic, result.Queue.BrokerName));
        Assert.Equal(("New", "TBW102", "4"), (Sends[0]["b"], Sends[0]["c"], Sends[0]["d"]));
        var asked = _cluster.NameServer.Received.Count;
        await _producer.SendAsync(new Message("New", Body)).InTime();
        Assert.Equal(asked, _cluster.NameServer.Received.Count);

        _cluster.SetRoute("New", 1, ("b", 0, _b.Address));
        await _client.Routes.RefreshAsync().InTime();
        Assert.Equal([new MessageQueue("New", "b", 0)], await _producer.GetQueuesAsync("New").InTime());
    }

    [Fact]
    public async Task A_topic_nobody_would_make_is_told_by_its_own_name()
        => Assert.Equal("New", (await Assert.ThrowsAsync<TopicNotFoundException>(() => _producer.SendAsync(new Message("New", Body)).InTime())).Topic);

    [Fact]
    public async Task A_large_body_is_compressed_as_Javas_consumer_reads_it_and_a_small_one_is_not()
    {
        var large = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("0123456789", 500)));
        await _producer.SendAsync(new Message("T", large)).InTime();
        await _producer.SendAsync(new Message("T", large.AsMemory(0, 4095))).InTime();
        var compressed = Assert.Single(Sends, send => send["f"] != "0");
        Assert.Equal("769", compressed["f"]);
        Assert.Equal(large, new ZlibDecompressor().Decompress(compressed.Body).ToArray());
        Assert.Equal(4095, Assert.Single(Sends, send => send["f"] == "0").Body.Length);
    }

    [Fact]
    public async Task Retry_topics_take_the_number_of_tries_from_the_header_instead_of_properties()
    {
        _cluster.SetRoute("%RETRY%g", 1, ("a", 0, _a.Address));
        var message = new Message("%RETRY%g", Body) { ["RECONSUME_TIME"] = "3", ["MAX_RECONSUME_TIMES"] = "16", DelayLevel = 6 };
        await _producer.SendAsync(message).InTime();
        var sent = Assert.Single(Sends);
        Assert.Equal(("3", "16"), (sent["j"], sent["l"]));
        var properties = MessageProperties.Decode(Encoding.UTF8.GetBytes(sent["i"]!));
        Assert.Equal("6", properties["DELAY"]);
        Assert.DoesNotContain("RECONSUME_TIME", properties.Keys);
        Assert.DoesNotContain("MAX_RECONSUME_TIMES", properties.Keys);

        await _producer.SendAsync(new Message("T", Body) { ["RECONSUME_TIME"] = "3" }).InTime();
        Assert.Equal("0", Sends.Last(send => send["b"] == "T")["j"]);
        Assert.Contains("RECONSUME_TIME", Sends.Last(send => send["b"] == "T")["i"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_is_one_request_with_Javas_header_and_an_id_for_each_message()
    {
        var result = await _producer.SendAsync([new Message("T", Body, "A"), new Message("T", "you"u8.ToArray(), "B") { Flag = 2 }]).InTime();
        var sent = Assert.Single(Sends);
        var recorded = RecordedFrames.Requests(RequestCodes.SendBatchMessage).First();
        Assert.Equal(recorded.PlainFields.Keys.Order(), sent.ExtFields.Keys.Order());
        Assert.Equal((RequestCodes.SendBatchMessage, "true", "0"), (sent.Code, sent["m"], sent["f"]));
        Assert.Equal(["UNIQ_KEY", "WAIT"], MessageProperties.Decode(Encoding.UTF8.GetBytes(sent["i"]!)).Keys.Order());
        var items = MessageBatchCodec.Decode(sent.Body);
        Assert.Equal(["hello", "you"], items.Select(item => Encoding.UTF8.GetString(item.Body.Span)));
        Assert.Equal(["A", "B"], items.Select(item => MessageProperties.Decode(item.StoredProperties.Span)["TAGS"]));
        Assert.Equal(result.MessageId, string.Join(',', items.Select(item => MessageProperties.Decode(item.StoredProperties.Span)["UNIQ_KEY"])));
    }

    [Fact]
    public void The_recorded_batch_is_read_and_written_again_as_Java_wrote_it()
    {
        var recorded = RecordedFrames.Requests(RequestCodes.SendBatchMessage).First().Decode().Body;
        var messages = MessageBatchCodec.Decode(recorded).Select(item =>
        {
            var message = new Message("T", item.Body) { Flag = item.Flag };
            foreach (var (name, value) in MessageProperties.Decode(item.StoredProperties.Span))
            {
                message[name] = value;
            }

            return message;
        });
        Assert.Equal(Convert.ToHexString(recorded.Span), Convert.ToHexString(MessageBatchCodec.Encode(messages)));
    }

    [Fact]
    public async Task Messages_that_do_not_go_together_are_no_batch()
    {
        await Refused([]);
        await Refused([new Message("T", Body), new Message("U", Body)]);
        await Refused([new Message("T", Body), new Message("T", Body) { DelayLevel = 1 }]);
        await Refused([new Message("%RETRY%g", Body)]);
        await Refused([new Message("T", Body), new Message("T", Body) { ["WAIT"] = "false" }]);
        await Refused([new Message("T", new byte[3 * 1024 * 1024]), new Message("T", new byte[3 * 1024 * 1024])]);
        Assert.Empty(Sends);

        Task Refused(IReadOnlyList<Message> messages) => Assert.ThrowsAsync<RocketMQValidationException>(() => _producer.SendAsync(messages).InTime());
    }

    [Fact]
    public async Task Messages_that_Java_would_refuse_are_refused_before_anything_is_sent()
    {
        await Refused(new Message("T", ReadOnlyMemory<byte>.Empty), "Length of Body");
        await Refused(new Message("T", new byte[(4 * 1024 * 1024) + 1]), "Length of Body");
        await Refused(new Message("", Body), "Topic");
        await Refused(new Message("a b", Body), "Topic");
        await Refused(new Message(new string('t', 128), Body), "Topic");
        await Refused(new Message("SCHEDULE_TOPIC_XXXX", Body), "Topic");
        await Refused(new Message("T", Body) { ["k"] = new string('v', 40_000) }, "Length of the properties");
        await Refused(new Message("T", Body) { ["k"] = "v\u0002" }, "property value of 'k'");
        Assert.Empty(Sends);

        async Task Refused(Message message, string expected)
            => Assert.Equal(expected, (await Assert.ThrowsAsync<RocketMQValidationException>(() => _producer.SendAsync(message).InTime())).Field);
    }

    [Fact]
    public async Task A_retry_topic_of_a_long_group_may_be_sent_to()
    {
        var topic = SystemTopics.Retry(new string('g', 200));
        _cluster.SetRoute(topic, 1, ("a", 0, _a.Address));
        await _producer.SendAsync(new Message(topic, Body)).InTime();
    }

    [Fact]
    public async Task A_selector_chooses_the_queue_and_its_send_is_not_tried_elsewhere()
    {
        var message = new Message("T", Body) { ShardingKey = "order-1" };
        var queue = (await _producer.SendAsync(message, new HashSelector()).InTime()).Queue;
        Assert.Equal(queue, (await _producer.SendAsync(new Message("T", Body) { ShardingKey = "order-1" }, new HashSelector()).InTime()).Queue);
        _refuse = (_, request) => RemotingCommand.Response(request, ResponseCodes.SystemBusy);
        await Assert.ThrowsAsync<BrokerResponseException>(() => _producer.SendAsync(message, new HashSelector()).InTime());
        Assert.Equal(3, Sends.Count);
    }

    [Fact]
    public async Task A_message_can_be_sent_to_a_certain_queue_of_its_topic()
    {
        Assert.Equal(new MessageQueue("T", "b", 1), (await _producer.SendAsync(new Message("T", Body), new MessageQueue("T", "b", 1)).InTime()).Queue);
        await Assert.ThrowsAsync<RocketMQValidationException>(() => _producer.SendAsync(new Message("T", Body), new MessageQueue("U", "b", 1)).InTime());
    }

    [Fact]
    public async Task A_one_way_send_asks_for_no_answer()
    {
        await _producer.SendOneWayAsync(new Message("T", Body)).InTime();
        await Eventually.Holds(() => Sends.Count == 1);
        Assert.True(Sends[0].IsOneWay);
    }

    [Fact]
    public async Task A_half_message_is_marked_and_ended_with_Javas_fields()
    {
        var half = await _producer.SendHalfAsync(new Message("T", Body) { DelayLevel = 3 }).InTime();
        await _producer.EndTransactionAsync(half, commit: true).InTime();
        var sent = Assert.Single(Sends);
        Assert.Equal("4", sent["f"]);
        var properties = MessageProperties.Decode(Encoding.UTF8.GetBytes(sent["i"]!));
        Assert.Equal(("true", "p"), (properties["TRAN_MSG"], properties["PGROUP"]));
        Assert.DoesNotContain("DELAY", properties.Keys);
        await Eventually.Holds(() => _a.Received.Concat(_b.Received).Any(request => request.Code == RequestCodes.EndTransaction));
        var end = _a.Received.Concat(_b.Received).Single(request => request.Code == RequestCodes.EndTransaction);
        Assert.Equal(("8", "476", "123", half.MessageId), (end["commitOrRollback"], end["commitLogOffset"], end["tranStateTableOffset"], end["msgId"]));
        Assert.Equal(RecordedFrames.Requests(RequestCodes.EndTransaction).First().PlainFields.Keys.Order(), end.ExtFields.Keys.Order());
    }

    [Fact]
    public async Task Queues_of_a_broker_that_refuses_connections_are_avoided_while_it_is_left_alone()
    {
        await using var client = new RocketMQClient(
            _cluster.ClientOptions("127.0.0.1@avoid") with { Remoting = new() { ReconnectBackoff = TimeSpan.FromHours(1), MaxReconnectBackoff = TimeSpan.FromHours(1) } }, _log);
        await using var producer = new Producer(client, new ProducerOptions { Group = "avoid" }, _log);
        _cluster.SetRoute("Half", 2, ("a", 0, _a.Address), ("gone", 0, $"127.0.0.1:{ScriptedPeer.FreePort()}"));
        for (var n = 0; n < 40; n++)
        {
            Assert.Equal("a", (await producer.SendAsync(new Message("Half", Body)).InTime()).Queue.BrokerName);
        }

        Assert.Single(_log.Entries, entry => entry.Text.Contains("failed: Cannot connect", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.Entries, entry => entry.Text.Contains("not tried again yet", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_send_that_takes_too_long_fails_within_the_time_for_all_attempts()
    {
        _a.OnRequest = _b.OnRequest = (_, _) => Task.CompletedTask;
        var time = new FakeTimeProvider();
        await using var client = _cluster.NewClient(_log, time);
        await using var producer = new Producer(client, new ProducerOptions { Group = "q", SendTimeout = TimeSpan.FromSeconds(2) }, _log);
        var sending = producer.SendAsync(new Message("T", Body));
        await Eventually.Holds(() => Sends.Count == 1);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(sending.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(2));
        var error = await Assert.ThrowsAsync<SendFailedException>(() => sending.InTime());
        Assert.IsType<RocketMQTimeoutException>(error.InnerException);
        Assert.Single(Sends);

        // Farewells must not wait for the brokers that stay silent.
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Fact]
    public async Task A_consumer_of_the_same_topic_that_leaves_takes_nothing_from_the_producer()
    {
        _client.RegisterConsumer("g", () => new ConsumerData { GroupName = "g" }, ["T"]);
        await _producer.SendAsync(new Message("T", Body)).InTime();
        await _client.UnregisterConsumerAsync("g").InTime();
        Assert.Equal(2, _client.Routes.Brokers.Count);
    }

    [Fact]
    public async Task A_producer_may_have_a_client_of_its_own()
    {
        await using (var own = new Producer(_cluster.ClientOptions("own@1"), new ProducerOptions { Group = "own" }, _log))
        {
            await own.SendAsync(new Message("T", Body)).InTime();
            await Eventually.Holds(() => _a.ReceivedOf(RequestCodes.HeartBeat).Any());
        }

        Assert.Contains(_a.ReceivedOf(RequestCodes.UnregisterClient), request => request["clientID"] == "own@1" && request["producerGroup"] == "own");
    }

    private static RemotingCommand Stored(RemotingCommand request, int code = ResponseCodes.Success) => RemotingCommand.Response(request, code)
        .Set("msgId", "7F00000100002A9F00000000000001DC")
        .Set("queueId", request["e"])
        .Set("queueOffset", 123)
        .Set("transactionId", "tx")
        .Set("MSG_REGION", "R1");

    private RemotingCommand? Answer(string broker, RemotingCommand request)
        => request.Code is RequestCodes.SendMessageV2 or RequestCodes.SendBatchMessage
            ? _refuse?.Invoke(broker, request) ?? Stored(request)
            : request.IsOneWay ? RemotingCommand.Response(request, ResponseCodes.Success) : null;
}
