using System.Net;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Messages;

public class MessageTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("*")]
    [InlineData(" * ")]
    public void No_expression_and_the_star_select_every_message(string? expression)
    {
        var selector = MessageSelector.ByTag(expression);
        Assert.True(selector.SelectsAll);
        Assert.Equal("*", selector.Expression);
        Assert.Empty(selector.Tags);
    }

    [Fact]
    public void Tags_are_split_at_double_bars_and_trimmed()
        => Assert.Equal(["a", "b c", "d"], MessageSelector.ByTag("a || b c||d ||").Tags);

    [Theory]
    [InlineData("||")]
    [InlineData(" || || ")]
    [InlineData("a\u0001b")]
    public void An_expression_without_a_tag_or_with_a_separator_is_refused(string expression)
        => Assert.Equal("Tag expression", Assert.Throws<RocketMQValidationException>(() => MessageSelector.ByTag(expression)).Field);

    [Fact]
    public void A_SQL92_condition_must_not_be_empty_and_has_no_tags()
    {
        Assert.Throws<RocketMQValidationException>(() => MessageSelector.BySql(" "));
        Assert.Empty(MessageSelector.BySql("a > 1").Tags);
    }

    [Fact]
    public void A_subscription_files_tags_by_Javas_hash_codes()
    {
        var data = SubscriptionData.From("T", MessageSelector.ByTag("TagA || TagB"), 7);
        Assert.Equal([2598919, 2598920], data.CodeSet);
        Assert.Equal(("TagA || TagB", "TAG", 7L), (data.SubString, data.ExpressionType, data.SubVersion));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("hello", 99162322)]
    [InlineData("polygenelubricants", int.MinValue)]
    public void The_hash_code_is_Javas(string text, int expected) => Assert.Equal(expected, JavaString.HashCode(text));

    [Fact]
    public void Queues_are_ordered_by_topic_then_broker_then_number_as_ordinals()
    {
        MessageQueue[] sorted = [new("A", "b", 2), new("A", "b", 10), new("B", "a", 0), new("B", "b", 0), new("a", "a", 0)];
        var shuffled = sorted.Reverse().ToArray();
        Array.Sort(shuffled);
        Assert.Equal(sorted, shuffled);
        Assert.True(sorted[0] < sorted[1] && sorted[1] > sorted[0] && sorted[0] <= new MessageQueue("A", "b", 2));
        Assert.Equal("MessageQueue [topic=A, brokerName=b, queueId=2]", sorted[0].ToString());
    }

    [Theory]
    [InlineData("7F00000100002A9F00000000000001DC", "127.0.0.1", 10911, 476)]
    [InlineData("FD00000000000000000000000000000200002A9F0000000000001654", "fd00::2", 10911, 0x1654)]
    public void A_brokers_id_of_a_message_is_read_and_written(string id, string address, int port, long offset)
    {
        var host = new IPEndPoint(IPAddress.Parse(address), port);
        Assert.Equal((host, offset), OffsetMessageId.Parse(id));
        Assert.Equal(id, OffsetMessageId.Format(host, offset));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("7F")]
    [InlineData("7F00000100002A9F00000000000001DCAA")]
    [InlineData("XF00000100002A9F00000000000001DC")]
    public void What_is_no_brokers_id_is_refused(string? id) => Assert.Throws<RocketMQValidationException>(() => OffsetMessageId.Parse(id));

    [Theory]
    [InlineData("orders")]
    [InlineData("%RETRY%group_1")]
    [InlineData("a|b-c_D9")]
    public void Allowed_names_pass(string name)
    {
        SystemTopics.CheckTopic(name);
        SystemTopics.CheckGroup(name);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a b")]
    [InlineData("消息")]
    [InlineData("a.b")]
    public void Other_names_are_refused_and_the_error_names_the_field(string? name)
    {
        Assert.Equal("Topic", Assert.Throws<RocketMQValidationException>(() => SystemTopics.CheckTopic(name)).Field);
        Assert.Equal("Group", Assert.Throws<RocketMQValidationException>(() => SystemTopics.CheckGroup(name)).Field);
    }

    [Fact]
    public void Topics_have_at_most_127_and_groups_at_most_255_bytes()
    {
        SystemTopics.CheckTopic(new string('a', 127));
        SystemTopics.CheckGroup(new string('a', 255));
        Assert.Throws<RocketMQValidationException>(() => SystemTopics.CheckTopic(new string('a', 128)));
        Assert.Throws<RocketMQValidationException>(() => SystemTopics.CheckGroup(new string('a', 256)));
    }

    [Fact]
    public void Of_a_property_stored_twice_the_last_holds()
    {
        var stored = "K\u0001one\u0002K\u0001two\u0002"u8;
        Assert.True(MessageProperties.TryFind(stored, "K"u8, out var value));
        Assert.True(value.SequenceEqual("two"u8));
        Assert.Equal("two", MessageProperties.Decode(stored)["K"]);
    }

    [Theory]
    [InlineData("a\u0001", "v")]
    [InlineData("a", "v\u0002")]
    [InlineData("", "v")]
    public void A_property_that_would_tear_the_table_is_refused(string name, string value)
        => Assert.Throws<RocketMQValidationException>(() => MessageProperties.Encode([KeyValuePair.Create(name, value)]));
}
