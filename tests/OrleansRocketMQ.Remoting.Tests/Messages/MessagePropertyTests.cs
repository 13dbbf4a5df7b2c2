using FsCheck.Fluent;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Messages;

public class MessagePropertyTests
{
    [Fact]
    public void A_message_survives_storing_and_decoding() => Generators.ForAll(Generators.Stored, stored =>
        MessageDecoder.DecodeAll(stored.Encode(), "b") is [var message] && Same(stored, message));

    [Fact]
    public void Messages_one_after_the_other_are_decoded_one_after_the_other() => Generators.ForAll(Generators.Stored.ListOf(), stored =>
    {
        var decoded = MessageDecoder.DecodeAll(stored.SelectMany(message => message.Encode()).ToArray(), "b");
        return decoded.Count == stored.Count && stored.Zip(decoded).All(pair => Same(pair.First, pair.Second));
    });

    [Fact]
    public void Cut_off_or_broken_records_are_message_format_errors_and_nothing_else() => Generators.ForAll(
        from stored in Generators.Stored
        from place in Gen.Choose(0, int.MaxValue)
        from value in Gen.Choose(0, 255)
        from length in Gen.Choose(0, int.MaxValue)
        select (stored, place, value, length),
        broken =>
        {
            var bytes = broken.stored.Encode();
            bytes[broken.place % bytes.Length] = (byte)broken.value;
            return EndsWell(bytes) && EndsWell(bytes.AsMemory(0, broken.length % bytes.Length));
        });

    [Fact]
    public void Any_bytes_are_messages_or_a_message_format_error() => Generators.ForAll(Generators.Bytes, bytes => EndsWell(bytes));

    [Fact]
    public void Properties_survive_writing_and_reading() => Generators.ForAll(Generators.Properties, properties =>
    {
        var written = System.Text.Encoding.UTF8.GetBytes(MessageProperties.Encode(properties));
        // Java ignores pairs of fewer than three characters, and so do we; all generated ones have as many.
        return MessageProperties.Decode(written).OrderBy(pair => pair.Key, StringComparer.Ordinal).SequenceEqual(properties.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            && properties.All(pair => MessageProperties.TryFind(written, System.Text.Encoding.UTF8.GetBytes(pair.Key), out var value)
                && System.Text.Encoding.UTF8.GetString(value) == pair.Value);
    });

    [Fact]
    public void Any_bytes_are_a_property_table() => Generators.ForAll(Generators.Bytes, bytes => MessageProperties.Decode(bytes).Count <= bytes.Length);

    [Fact]
    public void A_batch_survives_encoding_and_decoding() => Generators.ForAll(Batch, messages =>
    {
        var items = MessageBatchCodec.Decode(MessageBatchCodec.Encode(messages));
        return items.Count == messages.Count && messages.Zip(items).All(pair =>
            pair.First.Flag == pair.Second.Flag
            && pair.First.Body.Span.SequenceEqual(pair.Second.Body.Span)
            && pair.First.Properties.ToDictionary().OrderBy(p => p.Key).SequenceEqual(MessageProperties.Decode(pair.Second.StoredProperties.Span).OrderBy(p => p.Key)));
    });

    [Fact]
    public void A_batch_is_written_into_one_array()
    {
        var messages = Enumerable.Range(0, 64).Select(number => new Message("t", new byte[1024]) { Keys = $"key-{number}" }).ToArray();
        var length = MessageBatchCodec.Encode(messages).Length;

        var before = GC.GetAllocatedBytesForCurrentThread();
        MessageBatchCodec.Encode(messages);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, length, length * 5 / 4);
    }

    [Fact]
    public void A_stored_inner_batch_is_taken_apart_with_offsets_counted_on() => Generators.ForAll(
        from messages in Batch
        from outer in Generators.Stored
        select (messages, outer),
        given =>
        {
            var outer = new StoredMessage
            {
                Topic = given.outer.Topic,
                Body = MessageBatchCodec.Encode(given.messages),
                SysFlag = MessageSysFlag.InnerBatch | MessageSysFlag.NeedUnwrap,
                QueueId = given.outer.QueueId,
                QueueOffset = 100,
                BornHost = given.outer.BornHost,
                StoreHost = given.outer.StoreHost,
            };
            var decoded = MessageDecoder.DecodeAll(outer.Encode(), "b");
            return decoded.Count == given.messages.Count && given.messages.Zip(decoded).Select((pair, index) =>
                pair.Second.Topic == outer.Topic
                && pair.Second.QueueOffset == 100 + index
                && pair.Second.Body.Span.SequenceEqual(pair.First.Body.Span)
                && pair.Second.StoreHost.Equals(outer.StoreHost)).All(same => same);
        });

    [Fact]
    public void A_cut_off_or_broken_batch_is_a_message_format_error_and_nothing_else() => Generators.ForAll(
        from messages in Batch
        from place in Gen.Choose(0, int.MaxValue)
        from value in Gen.Choose(0, 255)
        select (messages, place, value),
        broken =>
        {
            var bytes = MessageBatchCodec.Encode(broken.messages);
            if (bytes.Length == 0)
            {
                return true;
            }

            bytes[broken.place % bytes.Length] = (byte)broken.value;
            try
            {
                MessageBatchCodec.Decode(bytes.AsMemory(0, bytes.Length - (broken.value % 2)));
            }
            catch (MessageFormatException)
            {
            }

            return true;
        });

    [Fact]
    public void A_compressed_body_survives_and_a_broken_one_marks_only_its_message() => Generators.ForAll(Generators.Bytes, body =>
    {
        var full = body.Concat(new byte[100]).ToArray();
        var sound = Compressed(ZlibDecompressor.Compress(full));
        var broken = Compressed([1, 2, 3, .. body]);
        var cut = Compressed(ZlibDecompressor.Compress(full)[..^3]);
        return MessageDecoder.DecodeAll((byte[])[.. sound, .. broken, .. cut, .. sound], "b") is [var first, var second, var third, var last]
            && first.Body.Span.SequenceEqual(full) && last.Body.Span.SequenceEqual(full)
            && (first.SysFlag & MessageSysFlag.Compressed) != 0
            && second.BodyError is not null && third.BodyError is not null && second.Body.IsEmpty;
    });

    private static FsCheck.Gen<IList<Message>> Batch { get; } =
        (from flag in Generators.Int32
         from body in Generators.Bytes
         from properties in Generators.Properties
         select MessageOf(flag, body, properties)).ListOf().Select(messages => (IList<Message>)[.. messages]);

    private static Message MessageOf(int flag, byte[] body, IReadOnlyDictionary<string, string> properties)
    {
        var message = new Message("T", body) { Flag = flag };
        foreach (var (name, value) in properties)
        {
            message[name] = value;
        }

        return message;
    }

    private static byte[] Compressed(byte[] body) => new StoredMessage
    {
        Topic = "T",
        Body = body,
        SysFlag = MessageSysFlag.Compressed | ((int)CompressionType.Zlib << 8),
        BornHost = new(System.Net.IPAddress.Loopback, 1),
        StoreHost = new(System.Net.IPAddress.IPv6Loopback, 2),
    }.Encode();

    private static bool EndsWell(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            foreach (var message in MessageDecoder.DecodeAll(bytes, "b"))
            {
                _ = (message.MessageId, message.BornHost, message.Properties.Count, message.ToString());
            }
        }
        catch (MessageFormatException)
        {
        }

        return true;
    }

    private static bool Same(StoredMessage stored, MessageExt message)
        => stored.Topic == message.Topic
            && stored.Body.Span.SequenceEqual(message.Body.Span)
            && stored.Properties == System.Text.Encoding.UTF8.GetString(message.StoredProperties)
            && stored.QueueId == message.QueueId
            && stored.QueueOffset == message.QueueOffset
            && stored.CommitLogOffset == message.CommitLogOffset
            && stored.Flag == message.Flag
            && (stored.SysFlag & MessageSysFlag.TransactionMask) == (message.SysFlag & MessageSysFlag.TransactionMask)
            && stored.BornTimestamp == message.BornTimestamp
            && stored.BornHost.Equals(message.BornHost)
            && stored.StoreTimestamp == message.StoreTimestamp
            && stored.StoreHost.Equals(message.StoreHost)
            && stored.ReconsumeTimes == message.ReconsumeTimes
            && stored.PreparedTransactionOffset == message.PreparedTransactionOffset
            && OffsetMessageId.Parse(message.OffsetMessageId) is var (host, offset)
            && host.Equals(stored.StoreHost) && offset == stored.CommitLogOffset;
}
