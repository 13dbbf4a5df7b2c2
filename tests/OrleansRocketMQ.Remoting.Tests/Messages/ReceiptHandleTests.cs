using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Messages;

/// <summary>What messages that were popped are acknowledged with, and what tells of them beside the messages.</summary>
public class ReceiptHandleTests
{
    private static readonly Gen<long> Number = Gen.OneOf(Gen.Choose(0, 100).Select(number => (long)number), Generators.Int64.Select(number => number & long.MaxValue));

    private static readonly Gen<int> Id = Gen.OneOf(Gen.Choose(0, 8), Gen.Choose(0, int.MaxValue), Gen.Constant(ReceiptHandle.OrderedReviveQueueId));

    private static readonly Gen<PopTopicKind> Kind = Gen.Elements(PopTopicKind.Normal, PopTopicKind.RetryV1, PopTopicKind.RetryV2);

    private static readonly Gen<ReceiptHandle> Handle =
        from start in Number
        from popTime in Number
        from invisibleTime in Number
        from revive in Id
        from kind in Kind
        from broker in Generators.Name
        from queueId in Id
        from offset in Number
        select new ReceiptHandle(start, popTime, invisibleTime, revive, kind, broker, queueId, offset);

    private static readonly Gen<string> Hostile =
        from parts in Gen.Elements("0", "1", "2", "3", "-1", "+1", " ", "  ", ";", ",", "qo", "%", "999", "99999999999999999999", "x", "é", "\0", "broker-a", "0 0 0", "0 1 7;").ListOf()
        select string.Concat(parts);

    [Fact]
    public void A_handle_is_read_as_it_was_written()
        => Generators.ForAll(Handle, handle => ReceiptHandle.Parse(handle.ToString()) == handle);

    [Fact]
    public void A_handle_has_Javas_form()
    {
        var handle = ReceiptHandle.Parse("0 1795231817354 60000 3 1 broker-a 0 19");
        Assert.Equal(new ReceiptHandle(0, 1795231817354, 60000, 3, PopTopicKind.RetryV1, "broker-a", 0, 19), handle);
        Assert.Equal("0 1795231817354 60000 3 1 broker-a 0 19", handle.ToString());
        Assert.Equal((1795231877354, false), (handle.VisibleTime, handle.IsOrdered));
        Assert.True((handle with { ReviveQueueId = 999 }).IsOrdered);
        Assert.Equal(long.MaxValue, (handle with { InvisibleTime = long.MaxValue }).VisibleTime);
    }

    [Theory]
    [InlineData("x 1 2 3 0 b 4 5", "checkpoint offset of a receipt handle")]
    [InlineData("0 -1 2 3 0 b 4 5", "pop time of a receipt handle")]
    [InlineData("0 1 +2 3 0 b 4 5", "invisible time of a receipt handle")]
    [InlineData("0 1 2 99999999999 0 b 4 5", "revive queue id of a receipt handle")]
    [InlineData("0 1 2 3 3 b 4 5", "kind of topic")]
    [InlineData("0 1 2 3 0  4 5", "broker name of a receipt handle")]
    [InlineData("0 1 2 3 0 b -1 5", "queue id of a receipt handle")]
    [InlineData("0 1 2 3 0 b 4 5.0", "queue offset of a receipt handle")]
    [InlineData("0 1 2 3 0 b 4", "receipt handle")]
    [InlineData("0 1 2 3 0 b 4 5 6", "receipt handle")]
    [InlineData("", "receipt handle")]
    public void What_is_no_handle_is_refused_by_the_part_that_is_wrong(string text, string field)
        => Assert.Equal(field, Assert.Throws<MessageFormatException>(() => ReceiptHandle.Parse(text)).Field);

    [Fact]
    public void A_text_of_any_length_is_refused_in_a_short_message()
    {
        Assert.InRange(Assert.Throws<MessageFormatException>(() => ReceiptHandle.Parse(new string('1', 1_000_000))).Message.Length, 1, 200);
        Assert.InRange(Assert.Throws<MessageFormatException>(() => ReceiptHandle.Parse(new string('x', 900) + " 1 2 3 0 b 4 5")).Message.Length, 1, 200);
    }

    [Theory]
    [InlineData(PopTopicKind.Normal, "orders")]
    [InlineData(PopTopicKind.RetryV1, "%RETRY%billing_orders")]
    [InlineData(PopTopicKind.RetryV2, "%RETRY%billing+orders")]
    public void The_topic_of_a_handle_is_that_in_which_the_message_lies(PopTopicKind kind, string topic)
    {
        Assert.Equal(topic, new ReceiptHandle(0, 1, 2, 3, kind, "b", 0, 0).TopicOf("orders", "billing"));
        Assert.Equal(kind, ReceiptHandle.KindOf(topic));
    }

    [Fact]
    public void What_an_answer_tells_of_its_queues_is_read_as_it_was_written() => Generators.ForAll(
        from queues in (from kind in Kind from queueId in Gen.Choose(0, 5) from start in Number from offsets in Number.NonEmptyListOf() select (kind, queueId, start, offsets)).NonEmptyListOf()
        select queues.DistinctBy(queue => (queue.kind, queue.queueId)).ToList(),
        queues =>
        {
            var written = new PopOffsets();
            foreach (var (kind, queueId, start, offsets) in queues)
            {
                written.Add(kind, queueId, start, offsets);
                written.AddCount(kind, queueId, offsets[0], queueId + 1);
                written.AddCount(kind, queueId, 7);
            }

            var read = PopOffsets.Parse(written.StartOffsetInfo, written.MessageOffsetInfo, written.OrderCountInfo)!;
            return queues.All(queue => queue.offsets.All(offset => read.StartOf(queue.kind, queue.queueId, offset) == queue.start)
                && read.CountOf(queue.kind, queue.queueId, queue.offsets[0]) == queue.queueId + 1
                && queue.offsets.Where(offset => offset != queue.offsets[0]).All(offset => read.CountOf(queue.kind, queue.queueId, offset) == 7));
        });

    [Fact]
    public void What_an_answer_tells_of_its_queues_has_Javas_form()
    {
        var offsets = PopOffsets.Parse("0 0 4;1 0 32", "0 0 4,6;1 0 32,33", "0 qo0%4 2;0 0 1")!;
        Assert.Equal(
            (4L, 4L, null, 32L, null, null),
            (offsets.StartOf(PopTopicKind.Normal, 0, 4), offsets.StartOf(PopTopicKind.Normal, 0, 6), offsets.StartOf(PopTopicKind.Normal, 0, 5), offsets.StartOf(PopTopicKind.RetryV1, 0, 33), offsets.StartOf(PopTopicKind.RetryV2, 0, 33), offsets.StartOf(PopTopicKind.Normal, 1, 4)));
        Assert.Equal((2, 1, 0), (offsets.CountOf(PopTopicKind.Normal, 0, 4), offsets.CountOf(PopTopicKind.Normal, 0, 6), offsets.CountOf(PopTopicKind.RetryV1, 0, 32)));
        Assert.Equal(("0 0 4;1 0 32", "0 0 4,6;1 0 32,33", "0 qo0%4 2;0 0 1"), (offsets.StartOffsetInfo, offsets.MessageOffsetInfo, offsets.OrderCountInfo));
        Assert.Null(PopOffsets.Parse(null, "0 0 4", null));
        Assert.Null(PopOffsets.Parse(string.Empty, null, null));
    }

    [Theory]
    [InlineData("0 0", "0 0 1", null, "entry of startOffsetInfo")]
    [InlineData("0 0 1;", "0 0 1", null, "entry of startOffsetInfo")]
    [InlineData("0 0 1;0 0 2", "0 0 1", null, "entry of startOffsetInfo")]
    [InlineData("3 0 1", "0 0 1", null, "kind of topic")]
    [InlineData("0 -1 1", "0 0 1", null, "queue id in startOffsetInfo")]
    [InlineData("0 0 x", "0 0 1", null, "start in startOffsetInfo")]
    [InlineData("0 0 1", "0 0 1,", null, "offset in msgOffsetInfo")]
    [InlineData("0 0 1", "0 0 1;0 0 2", null, "entry of msgOffsetInfo")]
    [InlineData("0 0 1", "0 0 1", "0 qo0 1", "key in orderCountInfo")]
    [InlineData("0 0 1", "0 0 1", "0 qo0%x 1", "offset in orderCountInfo")]
    [InlineData("0 0 1", "0 0 1", "0 0 -1", "count in orderCountInfo")]
    [InlineData("0 0 1", "0 0 1", "0 0 1;0 0 1", "entry of orderCountInfo")]
    public void What_an_answer_tells_in_another_form_is_refused_by_the_part_that_is_wrong(string starts, string offsets, string? counts, string field)
        => Assert.Equal(field, Assert.Throws<MessageFormatException>(() => PopOffsets.Parse(starts, offsets, counts)).Field);

    [Fact]
    public void An_answer_tells_of_a_bounded_number_of_queues_and_messages()
    {
        var many = string.Join(';', Enumerable.Range(0, PopOffsets.MostEntries + 1).Select(queue => $"0 {queue} 0"));
        Assert.Equal("startOffsetInfo", Assert.Throws<MessageFormatException>(() => PopOffsets.Parse(many, null, null)).Field);
        var offsets = "0 0 " + string.Join(',', Enumerable.Range(0, PopOffsets.MostEntries + 1));
        Assert.Equal("msgOffsetInfo", Assert.Throws<MessageFormatException>(() => PopOffsets.Parse("0 0 0", offsets, null)).Field);
    }

    [Fact]
    public void Hostile_text_is_refused_and_nothing_else_happens() => Generators.ForAll(
        from first in Hostile from second in Hostile from third in Hostile select (first, second, third),
        texts => IsReadOrRefused(() => ReceiptHandle.Parse(texts.first)) && IsReadOrRefused(() => PopOffsets.Parse(texts.first, texts.second, texts.third)));

    [Fact]
    public void Messages_of_a_pop_are_acknowledged_together_by_the_bits_of_their_offsets()
    {
        var pop = new ReceiptHandle(10, 1700000000000, 60000, 3, PopTopicKind.RetryV1, "broker-a", 2, 10);
        var request = BatchAckRequest.Of("orders", "billing", [pop, pop with { QueueOffset = 11 }, pop with { QueueOffset = 19 }, pop with { PopTime = 5 }]);

        Assert.Equal("broker-a", request.BrokerName);
        Assert.Equal(["AwI=", "AQ=="], request.Acks.Select(ack => Convert.ToBase64String(ack.BitSet!)));
        Assert.Equal([10L, 11L, 19L], request.Acks[0].Offsets());
        Assert.Equal(
            """{"brokerName":"broker-a","acks":[{"c":"billing","t":"orders","r":"1","so":10,"q":2,"rq":3,"pt":1700000000000,"it":60000,"b":"AwI="},{"c":"billing","t":"orders","r":"1","so":10,"q":2,"rq":3,"pt":5,"it":60000,"b":"AQ=="}]}""",
            System.Text.Json.JsonSerializer.Serialize(request, ProtocolJson.Default.BatchAckRequest));
    }

    [Fact]
    public void Every_set_of_offsets_of_a_pop_is_what_its_bits_say() => Generators.ForAll(
        from start in Gen.Choose(0, 1000) from distances in Gen.Choose(0, BatchAck.LongestPop - 1).NonEmptyListOf() select (start, distances),
        pop =>
        {
            var offsets = pop.distances.Select(distance => (long)pop.start + distance).Distinct().Order().ToList();
            var handle = new ReceiptHandle(pop.start, 1, 2, 3, PopTopicKind.Normal, "b", 0, 0);
            return BatchAck.Of("t", "g", handle, offsets).Offsets().SequenceEqual(offsets);
        });

    [Theory]
    [InlineData(9)]
    [InlineData(10 + BatchAck.LongestPop)]
    public void An_offset_that_no_pop_can_have_brought_is_refused_and_costs_no_memory(long offset)
    {
        var handle = new ReceiptHandle(10, 1, 2, 3, PopTopicKind.Normal, "b", 0, offset);
        Assert.Throws<RocketMQValidationException>(() => BatchAckRequest.Of("t", "g", [handle]));
    }

    private static bool IsReadOrRefused(Action read)
    {
        try
        {
            read();
        }
        catch (MessageFormatException refused)
        {
            return refused.Message.Length < 300;
        }

        return true;
    }
}
