using System.Buffers;
using Google.Protobuf.WellKnownTypes;
using MessagePack;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Typed;

/// <summary>Values in MessagePack and Protocol Buffers, sent and read over TCP.</summary>
public sealed class SerializerPackageTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_silo_or_a_group_reads_MessagePack(bool wholeSilo)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var got = new TaskCompletionSource<PackedOrder>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer =>
            {
                consumer.Handle<PackedOrder>(TestRocketMQ.Topic, (message, _, _) => Task.FromResult(got.TrySetResult(message.Value)));
                _ = wholeSilo ? consumer : consumer.UseMessagePack();
            },
            prepare: builder => _ = wholeSilo ? builder.UseMessagePack() : builder);

        await SendAsync(rocketmq, MessagePackMessageSerializer.Default, new PackedOrder { Id = 7, Customer = "ada" });

        var order = await got.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((7, "ada"), (order.Id, order.Customer));
    }

    [Fact]
    public async Task A_group_reads_Protocol_Buffers_and_what_is_none_becomes_a_dead_letter_with_the_reason()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var got = new TaskCompletionSource<Duration>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var cluster = await rocketmq.ConsumeValuesAsync(consumer => consumer
            .UseProtobuf()
            .Handle<Duration>(TestRocketMQ.Topic, (message, _, _) => Task.FromResult(got.TrySetResult(message.Value))));

        await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "{ no duration"u8.ToArray()));
        await SendAsync(rocketmq, ProtobufMessageSerializer.Default, new Duration { Seconds = 90 });

        Assert.Equal(90, (await got.Task.WaitAsync(TimeSpan.FromSeconds(30))).Seconds);
        await Testing.Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 1, "the dead letter");
        Assert.StartsWith(
            "The body is no Duration", rocketmq.DeadLetters()[0].GetProperty(MessageProperties.DeadLetterReason), StringComparison.Ordinal);
    }

    [Fact]
    public void MessagePack_takes_no_value_for_one_that_goes_on_behind_it_nor_nil()
    {
        var serializer = MessagePackMessageSerializer.Default;
        Assert.Throws<MessagePackSerializationException>(() => serializer.Deserialize<int>("{ text"u8.ToArray()));
        Assert.Null(serializer.Deserialize<PackedOrder>(new byte[] { MessagePackCode.Nil }));
        Assert.Equal(5, serializer.Deserialize<int>(Bytes(serializer, 5)));
    }

    [Fact]
    public void MessagePack_follows_the_options_given()
    {
        var serializer = new MessagePackMessageSerializer(MessagePackSerializerOptions.Standard.WithCompression(MessagePackCompression.Lz4BlockArray));
        var text = new string('a', 10_000);
        var bytes = Bytes(serializer, text);
        Assert.InRange(bytes.Length, 1, 1_000);
        Assert.Equal(text, serializer.Deserialize<string>(bytes));
    }

    [Fact]
    public void Protocol_Buffers_refuse_other_types_and_a_message_without_bytes_by_name()
    {
        var serializer = ProtobufMessageSerializer.Default;
        Assert.Equal("Type of the value", Assert.Throws<RocketMQValidationException>(() => Bytes(serializer, "text")).Field);
        Assert.Equal("Type of the value", Assert.Throws<RocketMQValidationException>(() => serializer.Deserialize<string>(new byte[1])).Field);
        Assert.Equal("Length of google.protobuf.Duration", Assert.Throws<RocketMQValidationException>(() => Bytes(serializer, new Duration())).Field);
    }

    private static byte[] Bytes<T>(IMessageSerializer serializer, T value)
    {
        var output = new ArrayBufferWriter<byte>();
        serializer.Serialize(value, output);
        return output.WrittenSpan.ToArray();
    }

    private static Task<SendResult> SendAsync<T>(TestRocketMQ rocketmq, IMessageSerializer serializer, T value)
        => rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, Bytes(serializer, value)));
}

[MessagePackObject]
public sealed class PackedOrder
{
    [Key(0)]
    public int Id { get; set; }

    [Key(1)]
    public string? Customer { get; set; }
}
