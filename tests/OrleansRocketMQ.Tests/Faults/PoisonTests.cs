using System.Net;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Dispatch.Keyed;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Messages that always fail and cannot be given back in the usual way become dead letters; what is behind them is consumed.</summary>
public sealed class PoisonTests
{
    private static readonly Dictionary<string, Func<SendMessageRequest, SendMessageRequest>> Kinds = new()
    {
        ["large but compresses well"] = request => request with
        {
            Body = ZlibDecompressor.Compress(new byte[6 * 1024 * 1024]),
            SysFlag = MessageSysFlag.Compressed | ((int)CompressionType.Zlib << 8),
        },
        ["full of properties"] = request => request with { Properties = $"KEYS\u0001bad\u0002x\u0001{new string('v', 32_600)}\u0002" },
    };

    public static TheoryData<string, bool> All
    {
        get
        {
            var all = new TheoryData<string, bool>();
            foreach (var kind in Kinds.Keys)
            {
                all.Add(kind, true);
                all.Add(kind, false);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_message_that_always_fails_becomes_a_dead_letter_and_the_next_one_is_consumed(string kind, bool inOrder)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendPoisonAsync(rocketmq, kind);
        await rocketmq.SendAsync(1, first: 1);
        var orderly = new OrderlyRecorder();
        await using var cluster = inOrder
            ? await rocketmq.ConsumeInOrderAsync(
                orderly.Then((messages, _) => IsGood(messages[0]) ? ConsumeOrderlyResult.Success : ConsumeOrderlyResult.SuspendCurrentQueue), Once)
            : await rocketmq.ConsumeAsync(
                rocketmq.Recorder.Then((messages, _) => IsGood(messages[0]) ? ConsumeResult.Success : ConsumeResult.ReconsumeLater), Once);

        await rocketmq.UntilCommittedAsync(2);
        var dead = await DeadLetterAsync(rocketmq);

        Assert.False(IsGood(dead));
        Assert.Null(dead.BodyError);
        Assert.Equal(kind == "large but compresses well" ? 6 * 1024 * 1024 : dead.Body.Length, dead.Body.Length);
        Assert.Equal(kind == "full of properties" ? "bad" : null, dead.Keys);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_message_without_a_body_which_brokers_take_in_a_batch_only_is_parked_and_can_be_sent_again(bool inOrder)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendPoisonAsync(rocketmq, request => request with
        {
            Batch = true,
            Body = MessageBatchCodec.Encode([new Message(TestRocketMQ.Topic, ReadOnlyMemory<byte>.Empty) { Keys = "bad" }]),
        });
        await rocketmq.SendAsync(1, first: 1);
        var (orderly, heals) = (new OrderlyRecorder(), false);
        bool Succeeds(MessageExt message) => IsGood(message) || Volatile.Read(ref heals);
        await using var cluster = inOrder
            ? await rocketmq.ConsumeInOrderAsync(
                orderly.Then((messages, _) => Succeeds(messages[0]) ? ConsumeOrderlyResult.Success : ConsumeOrderlyResult.SuspendCurrentQueue), Once)
            : await rocketmq.ConsumeAsync(rocketmq.Recorder.Then((messages, _) => Succeeds(messages[0]) ? ConsumeResult.Success : ConsumeResult.ReconsumeLater), Once);

        await rocketmq.UntilCommittedAsync(2);
        var parked = cluster.Silos.Client.GetGrain<IParkedMessageGrain>(rocketmq.MyGroup);
        Assert.Equal("bad", Assert.Single((await parked.ListAsync()).Messages).Keys);

        Volatile.Write(ref heals, true);
        Assert.Equal((1, 0), (await parked.ResendAsync(null, "a test")) is var sent ? (sent.Sent, sent.Failures.Count) : default);
        await rocketmq.UntilCommittedAsync(3);
        var again = rocketmq.Broker.Messages(TestRocketMQ.Topic, 0)[^1];
        Assert.Equal((0, "bad", "true"), (again.Body.Length, again.Keys, again.GetProperty(MessageProperties.WaitStoreMessageOk)));
    }

    [Fact]
    public async Task A_key_whose_poison_the_broker_does_not_take_back_goes_on_as_a_copy_becomes_the_dead_letter()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        await rocketmq.SendAsync(3, prepare: message => message.ShardingKey = "k");
        await using var cluster = await KeyOrderedTests.ConsumeAsync(
            rocketmq,
            (_, messages, _, _) => ValueTask.FromResult(TestRocketMQ.Text(messages[0]) == "0" ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            options => options.MaxReconsumeTimes = 0);

        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal("0", TestRocketMQ.Text(await DeadLetterAsync(rocketmq)));
    }

    [Fact]
    public async Task An_orderly_dead_letter_whose_copy_is_refused_is_filed_by_the_broker_itself()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(2);
        using var refusing = rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.MessageIllegal) with { When = target => target.Request["b"] == rocketmq.RetryTopic });
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            new OrderlyRecorder().Then((messages, _) => TestRocketMQ.Text(messages[0]) == "0" ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success), Once);

        await rocketmq.UntilCommittedAsync(2);

        Assert.Equal("0", TestRocketMQ.Text(await DeadLetterAsync(rocketmq)));
    }

    [Fact]
    public void A_copy_carries_properties_that_are_no_proper_table_as_they_are_stored()
    {
        const string Odd = "TAGS\u0001tag\u00010\u0002";
        var host = new IPEndPoint(IPAddress.Loopback, 1);
        var record = new StoredMessage
        {
            Topic = TestRocketMQ.Topic,
            Body = "b"u8.ToArray(),
            Properties = Odd + "ORIGIN_MESSAGE_ID\u0001first\u0002DELAY\u00013",
            BornHost = host,
            StoreHost = host,
        };
        var message = Assert.Single(MessageDecoder.DecodeAll(record.Encode(), "broker"));

        var copy = RetryCopy.Of(message, new(new ConsumerOptions { Group = "g", MaxReconsumeTimes = 4 }), TestRocketMQ.Topic, 2, 0, static () => "new id", out var leftOut);

        Assert.StartsWith(Odd, copy.Properties, StringComparison.Ordinal);
        var read = MessageProperties.Decode(Encoding.UTF8.GetBytes(copy.Properties));
        Assert.Equal(["first", TestRocketMQ.Topic, "5"], [read["ORIGIN_MESSAGE_ID"], read["RETRY_TOPIC"], read["DELAY"]]);
        Assert.Equal(2, copy.Properties.Split("ORIGIN_MESSAGE_ID").Length);
        Assert.Equal((3, 4, "%RETRY%g"), (copy.ReconsumeTimes, copy.MaxReconsumeTimes!.Value, copy.Topic));
        Assert.Empty(leftOut);
    }

    [Fact]
    public void A_dead_letter_is_sent_again_with_properties_that_are_no_proper_table_as_they_are_stored()
    {
        const string Odd = "TAGS\u0001tag\u00010\u0002";
        var host = new IPEndPoint(IPAddress.Loopback, 1);
        var record = new StoredMessage
        {
            Topic = SystemTopics.DeadLetter("g"),
            Body = "b"u8.ToArray(),
            Properties = Odd + "ORIGIN_MESSAGE_ID\u0001first\u0002RETRY_TOPIC\u0001orders\u0002WAIT\u0001false\u0002DELAY\u00010",
            BornHost = host,
            StoreHost = host,
        };

        var again = DeadLetters.DeadLetterRepublisher.Of(Assert.Single(MessageDecoder.DecodeAll(record.Encode(), "broker")), ClientNamespace.None, TimeProvider.System);

        Assert.StartsWith(Odd, again.Properties, StringComparison.Ordinal);
        var read = MessageProperties.Decode(Encoding.UTF8.GetBytes(again.Properties));
        Assert.Equal(["first", "true"], [read["ORIGIN_MESSAGE_ID"], read["WAIT"]]);
        Assert.False(read.ContainsKey("RETRY_TOPIC") || read.ContainsKey("DELAY"));
        Assert.True(read.ContainsKey("UNIQ_KEY"));
        Assert.Equal(("orders", "b"), (again.Topic, Encoding.UTF8.GetString(again.Body.Span)));
    }

    [Fact]
    public async Task A_dead_letter_of_much_that_compresses_well_is_sent_again_like_any_other()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await SendPoisonAsync(rocketmq, "large but compresses well");

        var heals = false;
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((_, context) =>
            {
                context.DelayLevelWhenNextConsume = ConsumeContext.ToDeadLetters;
                return Volatile.Read(ref heals) ? ConsumeResult.Success : ConsumeResult.ReconsumeLater;
            }));
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count == 1, "it is dead");
        Volatile.Write(ref heals, true);

        await letters.ResendAllAsync(100, "test");
        await Eventually.TrueAsync(async () => !(await letters.GetResendAsync()).IsRunning, "sending all has ended");

        var end = await letters.GetResendAsync();
        Assert.Equal((1, 0), (end.Sent, end.Failed));
        await rocketmq.Recorder.UntilAsync(2);
        var again = rocketmq.Recorder.Deliveries[^1].Message;
        Assert.Equal((6 * 1024 * 1024, TestRocketMQ.Topic, 0), (again.Body.Length, again.Topic, again.ReconsumeTimes));
    }

    private static bool IsGood(MessageExt message) => TestRocketMQ.Text(message) == "1";

    private static void Once(ConsumerOptions options)
    {
        options.MaxReconsumeTimes = 1;
        options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(20);
    }

    private static Task<SendMessageResponse> SendPoisonAsync(TestRocketMQ rocketmq, string kind) => SendPoisonAsync(rocketmq, Kinds[kind]);

    private static Task<SendMessageResponse> SendPoisonAsync(TestRocketMQ rocketmq, Func<SendMessageRequest, SendMessageRequest> with) => rocketmq.Client.Brokers.SendAsync(rocketmq.Broker.Address, with(new SendMessageRequest
    {
        ProducerGroup = "test_producer",
        Topic = TestRocketMQ.Topic,
        BrokerName = rocketmq.Broker.Name,
        QueueId = 0,
        Body = "bad"u8.ToArray(),
        BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
    }));

    private static async Task<MessageExt> DeadLetterAsync(TestRocketMQ rocketmq)
    {
        var topic = SystemTopics.DeadLetter(rocketmq.MyGroup);
        await Eventually.TrueAsync(() => rocketmq.Broker.QueueCount(topic) > 0 && rocketmq.Broker.Messages(topic).Count > 0, "a dead letter");
        return Assert.Single(rocketmq.Broker.Messages(topic));
    }
}
