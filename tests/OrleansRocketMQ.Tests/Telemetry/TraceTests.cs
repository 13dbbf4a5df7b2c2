using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

namespace OrleansRocketMQ.Tests.Telemetry;

public sealed class TraceTests
{
    [Fact]
    public async Task The_senders_activity_is_the_parent_of_the_listeners()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        Activity? inListener = null;
        await using var cluster = await rocketmq.ConsumeAsync((_, _, _) =>
        {
            inListener = Activity.Current;
            return ValueTask.FromResult(ConsumeResult.Success);
        });
        using var probe = new ActivityProbe();

        var sent = await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "hello"u8.ToArray(), tags: "a", keys: "k1 k2") { ShardingKey = "s" });

        var process = Assert.Single(await probe.ProcessedAsync(rocketmq.MyGroup, 1));
        var send = probe.Sent(sent.MessageId);
        Assert.Equal(("send orders", ActivityKind.Producer), (send.DisplayName, send.Kind));
        Assert.Equal(("process orders", ActivityKind.Consumer), (process.DisplayName, process.Kind));
        Assert.Equal(send.Id, process.ParentId);
        Assert.Equal(send.Context.SpanId, Assert.Single(process.Links).Context.SpanId);
        Assert.Same(process, inListener);
        Assert.Equal(ActivityStatusCode.Unset, process.Status);
        var partition = $"{rocketmq.Broker.Name}/0";
        var server = OrleansRocketMQ.Connections.HostAndPort.Parse(rocketmq.Broker.Address);
        Assert.Equal(
            new Dictionary<string, object?>
            {
                ["messaging.system"] = "rocketmq",
                ["messaging.operation.name"] = "process",
                ["messaging.operation.type"] = "process",
                ["messaging.destination.name"] = "orders",
                ["messaging.destination.partition.id"] = partition,
                ["messaging.consumer.group.name"] = rocketmq.MyGroup,
                ["messaging.message.id"] = sent.MessageId,
                ["messaging.message.body.size"] = 5,
                ["messaging.rocketmq.message.tag"] = "a",
                ["messaging.rocketmq.message.keys"] = "k1,k2",
                ["messaging.rocketmq.message.group"] = "s",
                ["messaging.rocketmq.message.type"] = "fifo",
                ["messaging.rocketmq.consumption_model"] = "clustering",
                ["messaging.rocketmq.namespace"] = "",
                ["messaging.client.id"] = ((OrleansRocketMQ.Consumers.ConsumerLifecycle)cluster.Consumer(rocketmq.MyGroup)).Client!.ClientId,
                ["server.address"] = server.Host,
                ["server.port"] = server.Port,
                ["orleans_rocketmq.message.delivery_attempt"] = 1,
            },
            TagsOf(process));
        Assert.Equal(
            new Dictionary<string, object?>
            {
                ["messaging.system"] = "rocketmq",
                ["messaging.operation.name"] = "send",
                ["messaging.operation.type"] = "send",
                ["messaging.destination.name"] = "orders",
                ["messaging.destination.partition.id"] = partition,
                ["messaging.message.id"] = sent.MessageId,
                ["messaging.message.body.size"] = 5,
                ["messaging.rocketmq.message.tag"] = "a",
                ["messaging.rocketmq.message.keys"] = "k1,k2",
                ["messaging.rocketmq.message.group"] = "s",
                ["messaging.rocketmq.message.type"] = "fifo",
                ["messaging.rocketmq.namespace"] = "",
                ["messaging.client.id"] = rocketmq.Client.ClientId,
                ["server.address"] = server.Host,
                ["server.port"] = server.Port,
            },
            TagsOf(send));
    }

    [Fact]
    public async Task Attempts_after_a_failure_belong_to_the_trace_of_the_first()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(rocketmq.Recorder.Then((messages, _) => messages[0].ReconsumeTimes switch
        {
            0 => throw new InvalidDataException("not this time"),
            1 => ConsumeResult.ReconsumeLater,
            _ => ConsumeResult.Success,
        }));
        using var probe = new ActivityProbe();

        var sent = await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "x"u8.ToArray()));

        var attempts = await probe.ProcessedAsync(rocketmq.MyGroup, 3);
        var send = probe.Sent(sent.MessageId);
        Assert.All(attempts, attempt =>
        {
            Assert.Equal("process orders", attempt.DisplayName);
            Assert.Equal(send.Id, attempt.ParentId);
            Assert.Equal(send.Context.SpanId, Assert.Single(attempt.Links).Context.SpanId);
            Assert.Equal(sent.MessageId, attempt.GetTagItem(MessagingAttributes.MessageId));
        });
        Assert.Equal([1, 2, 3], attempts.Select(attempt => attempt.GetTagItem(MessagingAttributes.DeliveryAttempt)));
        Assert.Equal(
            [(ActivityStatusCode.Error, typeof(InvalidDataException).FullName), (ActivityStatusCode.Error, ErrorTypes.ReconsumeLater), (ActivityStatusCode.Unset, null)],
            attempts.Select(attempt => (attempt.Status, (string?)attempt.GetTagItem(MessagingAttributes.ErrorType))));
        Assert.Equal("not this time", attempts[0].StatusDescription);
    }

    [Fact]
    public async Task A_batch_is_linked_to_all_its_senders_and_child_of_none()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var probe = new ActivityProbe();
        var ids = new List<string>();
        for (var index = 0; index < 2; index++)
        {
            ids.Add((await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "x"u8.ToArray()))).MessageId);
        }

        // Sent together, they belong to one send.
        var together = await rocketmq.Producer.SendAsync([new Message(TestRocketMQ.Topic, "y"u8.ToArray()), new Message(TestRocketMQ.Topic, "z"u8.ToArray())]);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.ConsumeBatchSize = 4);

        var process = Assert.Single(await probe.ProcessedAsync(rocketmq.MyGroup, 1));

        var send = probe.Sent(together.MessageId);
        Assert.Equal(2, send.GetTagItem(MessagingAttributes.BatchCount));
        Assert.Equal(
            new[] { probe.Sent(ids[0]), probe.Sent(ids[1]), send, send }.Select(sent => sent.Context.SpanId),
            process.Links.Select(link => link.Context.SpanId));
        Assert.Null(process.ParentId);
        Assert.Equal(4, process.GetTagItem(MessagingAttributes.BatchCount));
    }

    [Fact]
    public async Task Messages_of_senders_without_traces_begin_a_trace_at_the_listener()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        using var probe = new ActivityProbe();
        await using var silent = new Producer(rocketmq.Client, new ProducerOptions { Group = "silent", PropagateTraceContext = false }, NullLoggerFactory.Instance);

        using (var around = new Activity("around").Start())
        {
            await silent.SendAsync(new Message(TestRocketMQ.Topic, "x"u8.ToArray()));
        }

        var process = Assert.Single(await probe.ProcessedAsync(rocketmq.MyGroup, 1));
        Assert.Null(process.ParentId);
        Assert.Empty(process.Links);
        Assert.Null(Assert.Single(rocketmq.Recorder.Deliveries).Message.GetProperty("traceparent"));
        Assert.DoesNotContain(probe.Ended, activity => activity.Kind == ActivityKind.Producer && activity.Parent?.OperationName == "around");
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("00-00000000000000000000000000000000-0000000000000000-01")]
    public async Task A_context_nobody_can_read_is_none(string traceparent)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync();
        await using var silent = new Producer(rocketmq.Client, new ProducerOptions { Group = "silent", PropagateTraceContext = false }, NullLoggerFactory.Instance);
        using var probe = new ActivityProbe();

        await silent.SendAsync(new Message(TestRocketMQ.Topic, "x"u8.ToArray()) { ["traceparent"] = traceparent });

        Assert.Null(Assert.Single(await probe.ProcessedAsync(rocketmq.MyGroup, 1)).ParentId);
    }

    [Fact]
    public async Task Without_anybody_listening_messages_carry_the_callers_context_all_the_same()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var message = new Message(TestRocketMQ.Topic, "x"u8.ToArray());
        using (var around = new Activity("around") { TraceStateString = "vendor=1" }.Start())
        {
            around.AddBaggage("customer", "7");
            await rocketmq.Producer.SendAsync(message);
            // Its own context stays with a message that has one.
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "y"u8.ToArray()) { ["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });

            var stored = rocketmq.Broker.Messages(TestRocketMQ.Topic);
            Assert.Equal(around.Id, stored[0].GetProperty("traceparent"));
            Assert.Equal("vendor=1", stored[0].GetProperty("tracestate"));
            Assert.Equal("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", stored[1].GetProperty("traceparent"));
        }

        // The caller's message is as it was: sent again elsewhere, it belongs to that.
        Assert.Null(message["traceparent"]);

        using var probe = new ActivityProbe();
        string? customer = null;
        await using var cluster = await rocketmq.ConsumeAsync((messages, _, _) =>
        {
            customer = messages[0].QueueOffset == 0 ? Activity.Current?.GetBaggageItem("customer") : customer;
            return ValueTask.FromResult(ConsumeResult.Success);
        });
        var processed = await probe.ProcessedAsync(rocketmq.MyGroup, 2);
        Assert.Contains(processed, activity => activity.TraceStateString == "vendor=1");
        Assert.Contains(processed, activity => activity.TraceId.ToHexString() == "0af7651916cd43dd8448eb211c80319c");
        Assert.Equal("7", customer);
    }

    [Fact]
    public async Task A_send_that_fails_says_so()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var probe = new ActivityProbe();
        using var around = new Activity("around").Start();

        await Assert.ThrowsAsync<RocketMQValidationException>(() => rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, ReadOnlyMemory<byte>.Empty)));

        Assert.Same(around, Activity.Current);
        var send = Assert.Single(probe.Ended, activity => activity.ParentId == around.Id);
        Assert.Equal((ActivityStatusCode.Error, typeof(RocketMQValidationException).FullName), (send.Status, (string?)send.GetTagItem(MessagingAttributes.ErrorType)));
    }

    [Fact]
    public async Task A_listener_in_order_has_activities_too()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            new OrderlyRecorder().Then((_, context) => context.ReconsumeTimes == 0 ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
            options => options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(20));
        using var probe = new ActivityProbe();

        var sent = await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "x"u8.ToArray()));

        var attempts = await probe.ProcessedAsync(rocketmq.MyGroup, 2);
        Assert.All(attempts, attempt => Assert.Equal(probe.Sent(sent.MessageId).Id, attempt.ParentId));
        Assert.Equal([1, 2], attempts.Select(attempt => attempt.GetTagItem(MessagingAttributes.DeliveryAttempt)));
        Assert.Equal([ErrorTypes.SuspendCurrentQueue, null], attempts.Select(attempt => (string?)attempt.GetTagItem(MessagingAttributes.ErrorType)));
    }

    [Fact]
    public async Task The_activity_of_a_listener_that_does_not_end_ends_with_its_time()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var hanging = new TaskCompletionSource<ConsumeResult>();
        await using var cluster = await rocketmq.ConsumeAsync(
            (messages, _, _) => messages[0].ReconsumeTimes == 0 ? new(hanging.Task) : ValueTask.FromResult(ConsumeResult.Success),
            options => options.ConsumeTimeout = TimeSpan.FromMilliseconds(200));
        using var probe = new ActivityProbe();

        await rocketmq.SendAsync(1);
        var ended = await probe.ProcessedAsync(rocketmq.MyGroup, 2);
        hanging.SetResult(ConsumeResult.Success);

        Assert.Equal([ErrorTypes.Timeout, null], ended.Select(activity => (string?)activity.GetTagItem(MessagingAttributes.ErrorType)));
        Assert.Equal(ActivityStatusCode.Error, ended[0].Status);
    }

    [Fact]
    public async Task What_is_not_sampled_is_not_there()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        Activity? inListener = null;
        await using var cluster = await rocketmq.ConsumeAsync((messages, context, _) =>
        {
            rocketmq.Recorder.Record(messages, context);
            inListener = Activity.Current;
            return ValueTask.FromResult(ConsumeResult.Success);
        });
        using var probe = new ActivityProbe(ActivitySamplingResult.None);

        await rocketmq.SendAsync(1);
        await rocketmq.UntilCommittedAsync(1);

        Assert.Null(inListener);
        Assert.Empty(probe.Ended);
        Assert.Null(Assert.Single(rocketmq.Recorder.Deliveries).Message.GetProperty("traceparent"));
    }

    [Fact]
    public void The_activity_of_a_message_takes_little_more_than_dotnets_own_with_its_tags()
    {
        const int Rounds = 1000;
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == RocketMQTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        var queue = new MessageQueue("orders", "broker-a", 0);
        var common = ProcessTags.Of(null, "billing", new ConsumerRegistry(), queue, queue.Topic);
        MessageExt[] batch = [.. MessageDecoder.DecodeAll(
            new StoredMessage
            {
                Topic = queue.Topic,
                Body = new byte[100],
                BornHost = new IPEndPoint(IPAddress.Loopback, 50000),
                StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
                Properties = MessageProperties.Encode([new("UNIQ_KEY", new string('A', 32)), new("WAIT", "true"), new("CLUSTER", "c")]),
            }.Encode(),
            "broker-a")];
        KeyValuePair<string, object?>[] own = [];
        Ours();
        Theirs();

        var (ours, theirs) = (Allocated(Ours), Allocated(Theirs));

        // The id as text, its length as an object; no enumerators, delegates or texts that are thrown away.
        Assert.InRange(ours - theirs, 0, Rounds * (24 + (2 * 32) + 24));

        void Ours()
        {
            using var activity = ProcessSpan.Start(common, batch, failures: 0)!;
            own = own.Length > 0 ? own : [.. activity.TagObjects.Skip(common.Tags.Length)];
        }

        void Theirs()
        {
            using var activity = RocketMQTelemetry.Source.StartActivity(
                common.Name, ActivityKind.Consumer, default(ActivityContext), common.Tags)!;
            foreach (var (name, value) in own)
            {
                activity.AddTag(name, value);
            }
        }

        static long Allocated(Action act)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var round = 0; round < Rounds; round++)
            {
                act();
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    private static Dictionary<string, object?> TagsOf(Activity activity)
        => activity.TagObjects.ToDictionary(tag => tag.Key, tag => tag.Value is string[] several ? string.Join(',', several) : tag.Value);
}
