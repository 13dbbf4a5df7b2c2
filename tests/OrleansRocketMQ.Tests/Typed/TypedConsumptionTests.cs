using System.Buffers;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Typed;

/// <summary>Listeners and handlers that get values instead of bytes, over TCP.</summary>
public sealed class TypedConsumptionTests
{
    public static TheoryData<string> Ways => [.. new[] { "grain", "handler" }.SelectMany(kind => new[] { "concurrent", "orderly", "key-ordered" }.Select(mode => $"{mode} {kind}"))];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Values_that_are_sent_come_with_their_messages(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        await using var cluster = await rocketmq.ConsumeValuesAsync(TypedRocketMQ.Way(way, out var listener), listener);

        await rocketmq.SendOrdersAsync(1, 2, 3);

        await script.UntilAsync(3);
        Assert.Equal([1, 2, 3], script.Numbers.Order());
        Assert.All(script.Got, got => Assert.Equal($"order-{((OrderPlaced)got.Value).Number}", got.Raw.Keys));
        Assert.All(script.Got, got => Assert.Equal("ada", ((OrderPlaced)got.Value).Customer));
        await rocketmq.UntilCommittedAsync(3);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_value_that_fails_comes_again_before_later_ones_where_order_is_kept(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var tries = 0;
        var script = TypedScript.For(rocketmq.MyGroup, (value, _) => ((OrderPlaced)value).Number == 2 && Interlocked.Increment(ref tries) <= 2);
        await rocketmq.SendOrdersAsync(1, 2, 3);
        await using var cluster = await rocketmq.ConsumeValuesAsync(TypedRocketMQ.Way(way, out var listener), listener);

        await script.UntilAsync(5);

        Assert.Equal(3, script.Numbers.Count(number => number == 2));
        if (!way.StartsWith("concurrent", StringComparison.Ordinal))
        {
            Assert.Equal([1, 2, 2, 2, 3], script.Numbers);
        }

        Assert.Empty(rocketmq.DeadLetters());
    }

    [Theory]
    [InlineData("concurrent grain")]
    [InlineData("orderly grain")]
    [InlineData("key-ordered grain")]
    public async Task A_batch_holds_values_that_stand_together_and_ends_at_one_that_cannot_be_read(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var script = TypedScript.Of(rocketmq.MyGroup);
        await rocketmq.SendOrdersAsync(1, 2, 3, null, 4, 5);
        var configure = TypedRocketMQ.Way(way, out var listener);
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer =>
            {
                configure(consumer);
                (consumer.Options.ConsumeBatchSize, consumer.Options.ConsumeThreadMin, consumer.Options.ConsumeThreadMax) = (16, 1, 1);
            },
            listener);

        await script.UntilAsync(5);

        await rocketmq.UntilCommittedAsync(6);
        Assert.Equal([1, 2, 3, 4, 5], script.Numbers);
        Assert.All(script.Got.Take(3), got => Assert.InRange(got.BatchSize, 1, 3));
        Assert.All(script.Got.Skip(3), got => Assert.InRange(got.BatchSize, 1, 2));
        Assert.Single(rocketmq.DeadLetters());
    }

    [Fact]
    public async Task A_listener_of_batches_tells_how_far_it_came()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var script = TypedScript.For(rocketmq.MyGroup, (value, failures) => ((OrderPlaced)value).Number == 3 && failures == 0);
        await rocketmq.SendOrdersAsync(1, 2, 3, 4);
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options => options.ConsumeBatchSize = 4), typeof(TypedListener));

        await Eventually.TrueAsync(() => script.Numbers.Count(number => number == 3) == 2, () => $"3 comes twice: {string.Join(' ', script.Numbers)}");

        Assert.Equal(1, script.Numbers.Count(number => number == 1));
        Assert.Equal(1, script.Numbers.Count(number => number == 2));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Types_on_one_topic_are_told_apart_by_tag_or_property(bool byTag)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        var placed = byTag ? MessageMatch.ByTag("placed") : MessageMatch.ByProperty("type", "placed");
        var cancelled = byTag ? MessageMatch.ByTag("cancelled") : MessageMatch.ByProperty("type", "cancelled");
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer => consumer.Subscribe<OrderPlaced>(TestRocketMQ.Topic, placed).Subscribe<OrderCancelled>(TestRocketMQ.Topic, cancelled),
            typeof(TwoTypesListener));

        await SendAsync(rocketmq.Producer, new OrderPlaced(1), "placed");
        await SendAsync(rocketmq.Producer, new OrderCancelled(2, "rain"), "cancelled");
        // With tags the group does not subscribe to it; without, it is a dead letter.
        await SendAsync(rocketmq.Producer, new OrderPlaced(3), "shipped");

        await script.UntilAsync(2);
        Assert.Contains(new OrderPlaced(1), script.Got.Select(got => got.Value));
        Assert.Contains(new OrderCancelled(2, "rain"), script.Got.Select(got => got.Value));
        await rocketmq.UntilCommittedAsync(3);
        Assert.Equal(2, script.Got.Count);
        Assert.Equal(byTag ? 0 : 1, rocketmq.DeadLetters().Count);
    }

    [Fact]
    public async Task Handlers_and_delegates_of_a_group_share_its_topics_by_type()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        var cancelled = new TaskCompletionSource<OrderCancelled>();
        await using var cluster = await rocketmq.ConsumeValuesAsync(consumer => consumer
            .Handle<OrderPlaced, OrderHandler>(TestRocketMQ.Topic)
            .Handle<OrderCancelled>(
                TestRocketMQ.Topic,
                (message, _, _) =>
                {
                    cancelled.TrySetResult(message.Value);
                    return Task.CompletedTask;
                },
                MessageMatch.ByTag("cancelled")));

        await SendAsync(rocketmq.Producer, new OrderPlaced(1), "anything");
        await SendAsync(rocketmq.Producer, new OrderCancelled(2, "rain"), "cancelled");

        Assert.Equal(new OrderCancelled(2, "rain"), await cancelled.Task.WaitAsync(TimeSpan.FromMinutes(1)));
        await script.UntilAsync(1);
        Assert.Equal([1], script.Numbers);
    }

    [Fact]
    public async Task A_handler_has_a_scope_for_each_message_which_ends_with_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.For(rocketmq.MyGroup, (value, failures) => ((OrderPlaced)value).Number == 2 && failures == 0);
        await using var cluster = await rocketmq.ConsumeValuesAsync(consumer => consumer.Handle<OrderPlaced, CountingHandler>(TestRocketMQ.Topic));

        await rocketmq.SendOrdersAsync(1, 2, 3);

        await script.UntilAsync(4);
        await Eventually.TrueAsync(() => CountingHandler.Disposed == 4, () => $"4 handlers disposed of; {CountingHandler.Disposed} are");
        Assert.Equal(4, CountingHandler.Scopes.Distinct().Count());
        Assert.All(CountingHandler.Scopes, scope => Assert.True(scope.IsDisposed));
    }

    [Fact]
    public async Task A_source_generated_context_reads_and_writes_instead_of_reflection()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        var json = new JsonMessageSerializer(OrderJson.Default);
        await using var producer = new Producer(rocketmq.Client, new ProducerOptions { Group = "generated", Serializer = json }, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer => consumer.Subscribe(TestRocketMQ.Topic), typeof(TypedListener), builder => builder.UseSerializer(json));

        await producer.SendAsync(TestRocketMQ.Topic, new OrderPlaced(7, "bob"));

        await script.UntilAsync(1);
        Assert.Equal(new OrderPlaced(7, "bob"), script.Got[0].Value);
        Assert.Equal("""{"NUMBER":7,"CUSTOMER":"bob"}""", TestRocketMQ.Text(script.Got[0].Raw));
        Assert.Throws<NotSupportedException>(() => json.Serialize(new OrderCancelled(1, "x"), new ArrayBufferWriter<byte>()));
    }

    [Fact]
    public async Task A_group_may_have_a_serializer_of_its_own()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer => consumer.Subscribe(TestRocketMQ.Topic).UseSerializer(new NumberSerializer()), typeof(TypedListener));

        await rocketmq.SendAsync(3, first: 40);

        await script.UntilAsync(3);
        Assert.Equal([40, 41, 42], script.Numbers.Order());
    }

    private static Task<SendResult> SendAsync<T>(Producer producer, T value, string type)
    {
        var message = producer.CreateMessage(TestRocketMQ.Topic, value);
        message.Tags = message["type"] = type;
        return producer.SendAsync(message);
    }

    /// <summary>Bodies that are a number as text.</summary>
    private sealed class NumberSerializer : IMessageSerializer
    {
        public void Serialize<T>(T value, IBufferWriter<byte> output) => throw new NotSupportedException();

        public T? Deserialize<T>(ReadOnlyMemory<byte> body) => (T)(object)new OrderPlaced(int.Parse(System.Text.Encoding.UTF8.GetString(body.Span), System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Counts how often it is disposed of.</summary>
    private sealed class CountingHandler(OrderScope scope) : IMessageHandler<OrderPlaced>, IAsyncDisposable
    {
        private static int s_disposed;

        public static int Disposed => Volatile.Read(ref s_disposed);

        public static System.Collections.Concurrent.ConcurrentBag<OrderScope> Scopes { get; } = [];

        public Task HandleAsync(Message<OrderPlaced> message, MessageContext context, CancellationToken cancellationToken)
        {
            Scopes.Add(scope);
            return TypedScript.Of(context.Group).Take(new MessageBatch<OrderPlaced>(message), context.ReconsumeTimes) == 1 ? Task.CompletedTask : throw new InvalidOperationException("not now");
        }

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref s_disposed);
            return ValueTask.CompletedTask;
        }
    }
}
