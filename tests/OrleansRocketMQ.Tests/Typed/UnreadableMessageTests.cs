using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Telemetry;

namespace OrleansRocketMQ.Tests.Typed;

/// <summary>Messages that are no value of the type their group gets, in every way of consuming.</summary>
public sealed class UnreadableMessageTests
{
    public static TheoryData<string> Ways => TypedConsumptionTests.Ways;

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_message_that_cannot_be_read_is_a_dead_letter_at_once_with_the_reason(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        await rocketmq.SendOrdersAsync(1, null, 2);
        await using var cluster = await rocketmq.ConsumeValuesAsync(TypedRocketMQ.Way(way, out var listener), listener);

        await rocketmq.UntilCommittedAsync(3);

        Assert.Equal([1, 2], script.Numbers.Order());
        var letter = Assert.Single(rocketmq.DeadLetters());
        Assert.Equal("{ no order", TestRocketMQ.Text(letter));
        Assert.StartsWith("The body is no OrderPlaced: ", letter.GetProperty(MessageProperties.DeadLetterReason), StringComparison.Ordinal);
        Assert.Equal("placed", letter.Tags);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_message_that_is_skipped_is_counted_and_committed(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        var configure = TypedRocketMQ.Way(way, out var listener);
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer =>
            {
                configure(consumer);
                consumer.Options.UnreadableHandling = UnreadableHandling.Skip;
            },
            listener);
        using var probe = MetricsProbe.On(cluster);

        await rocketmq.SendOrdersAsync(1, null, 2);

        await rocketmq.UntilCommittedAsync(3);
        await probe.UntilAsync(RocketMQMetrics.UnreadableMessages, 1, (RocketMQMetrics.Handling, "Skip"), (MessagingAttributes.ConsumerGroup, rocketmq.MyGroup));
        Assert.Equal([1, 2], script.Numbers.Order());
        Assert.Empty(rocketmq.DeadLetters());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_message_that_is_to_be_tried_again_comes_as_often_as_one_that_fails(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        var configure = TypedRocketMQ.Way(way, out var listener);
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer =>
            {
                configure(consumer);
                (consumer.Options.UnreadableHandling, consumer.Options.MaxReconsumeTimes) = (UnreadableHandling.Retry, 2);
            },
            listener);
        using var probe = MetricsProbe.On(cluster);

        await rocketmq.SendOrdersAsync(1, null, 2);

        await Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 1, "a dead letter");
        await script.UntilAsync(2);
        Assert.Equal([1, 2], script.Numbers.Order());
        await probe.UntilAsync(RocketMQMetrics.UnreadableMessages, 3, (RocketMQMetrics.Handling, "Retry"));
    }

    [Fact]
    public async Task A_body_that_holds_nothing_cannot_be_read()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeValuesAsync(TypedRocketMQ.Way("concurrent grain", out var listener), listener);

        await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "null"u8.ToArray()));

        await Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 1, "a dead letter");
        Assert.Equal("The body holds no OrderPlaced.", rocketmq.DeadLetters()[0].GetProperty(MessageProperties.DeadLetterReason));
    }

    [Fact]
    public async Task A_reason_is_shortened_and_has_no_sign_that_ends_a_property()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer => consumer.Handle<OrderPlaced>(TestRocketMQ.Topic, (_, _, _) => Task.CompletedTask).UseSerializer(new Talkative()));

        await rocketmq.SendOrdersAsync(1);

        await Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 1, "a dead letter");
        var reason = rocketmq.DeadLetters()[0].GetProperty(MessageProperties.DeadLetterReason)!;
        Assert.Equal(1024, reason.Length);
        Assert.DoesNotContain(reason, char.IsControl);
    }

    private sealed class Talkative : IMessageSerializer
    {
        public void Serialize<T>(T value, System.Buffers.IBufferWriter<byte> output) => throw new NotSupportedException();

        public T? Deserialize<T>(ReadOnlyMemory<byte> body) => throw new FormatException($"a\u0001b\u0002\r\n{new string('x', 5000)}");
    }
}
