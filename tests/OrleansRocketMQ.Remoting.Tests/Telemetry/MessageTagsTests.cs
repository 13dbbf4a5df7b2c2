using System.Net;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Tests.Telemetry;

public sealed class MessageTagsTests
{
    private const long Born = 1_700_000_000_000;

    [Theory]
    [InlineData("TAGS=red")]
    [InlineData("KEYS=order-1 order-2")]
    [InlineData("__SHARDINGKEY=customer-7")]
    [InlineData("UNIQ_KEY=0A0B|TAGS=red|KEYS=k|__SHARDINGKEY=s|WAIT=true|CLUSTER=c")]
    [InlineData("DELAY=3")]
    [InlineData("DELAY=0")]
    [InlineData("DELAY=none")]
    [InlineData("TIMER_DELIVER_MS=1700000060000")]
    [InlineData("TIMER_DELAY_MS=5000")]
    [InlineData("TIMER_DELAY_SEC=5")]
    [InlineData("TAG=no|KEY=none|UNIQ=other|traceparent=x")]
    public void A_message_received_says_what_it_said_when_it_was_sent(string properties)
    {
        var message = new Message("orders", "body"u8.ToArray());
        foreach (var pair in properties.Split('|'))
        {
            message[pair.Split('=')[0]] = pair.Split('=')[1];
        }

        Assert.Equal(MessageTags.Of(message, Born), MessageTags.Of(Received(MessageProperties.Encode(message.Properties))));
    }

    [Fact]
    public void Of_several_properties_with_one_name_the_last_holds()
    {
        var received = Received("UNIQ_KEY\u0001own\u0002TAGS\u0001a\u0002UNIQ_KEY\u0001of the batch\u0002");

        Assert.Equal(received.MessageId, MessageTags.Of(received).UniqueKey);
        Assert.Equal("of the batch", MessageTags.Of(received).UniqueKey);
    }

    [Fact]
    public void A_message_without_an_id_of_its_sender_has_none()
        => Assert.Null(MessageTags.Of(Received("WAIT\u0001true\u0002")).UniqueKey);

    private static MessageExt Received(string properties) => Assert.Single(MessageDecoder.DecodeAll(
        new StoredMessage
        {
            Topic = "orders",
            Body = "body"u8.ToArray(),
            BornTimestamp = Born,
            BornHost = new IPEndPoint(IPAddress.Loopback, 50000),
            StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
            Properties = properties,
        }.Encode(),
        "broker-a"));
}
