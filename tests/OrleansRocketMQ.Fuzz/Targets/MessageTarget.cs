using System.Buffers.Binary;
using System.Text;
using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>The body of an answer to a pull: stored messages of both layouts, compressed ones and batches inside.</summary>
internal sealed class MessageTarget : FuzzTarget
{
    private const int Largest = 64 * 1024;
    private const int ShortestRecord = 91;
    private static readonly MessageDecoderOptions Plain = new() { MaxDecompressedLength = Largest, Decompressors = CompressionTarget.All };
    private static readonly MessageDecoderOptions Checked = Plain with { CheckCrc = true };

    public override string Name => "messages";

    public override IReadOnlyList<string> Decoders => [nameof(MessageDecoder), nameof(StoredMessage)];

    public override long LongRun => 10_000_000;

    public override long MayAllocate(int length) => 8 * CompressionTarget.MayAllocateForBody + 400L * length;

    public override IReadOnlyList<byte[]> Words { get; } = [.. new[] { "TAGS\u0001a\u0002", "KEYS\u0001k\u0002", "UNIQ_KEY\u0001", "\u0001", "\u0002" }.Select(Encoding.UTF8.GetBytes)];

    public override IEnumerable<byte[]> Seeds() => RecordedFrames.All
        .Where(frame => frame.Messages.Count > 0)
        .Select(frame => frame.Decode().Body.ToArray())
        .Where(body => body.Length is > 0 and < 8192)
        .Append(Stored(MessageSysFlag.InnerBatch | MessageSysFlag.NeedUnwrap, MessageBatchCodec.Encode([new("t", "a"u8.ToArray()), new("t", "b"u8.ToArray())])))
        .Append(Stored(MessageSysFlag.Compressed, ZlibDecompressor.Compress("some text some text some text"u8)));

    /// <summary>Every record gets the length that makes the next one begin where it does, and its layout's mark.</summary>
    public override void Frame(FuzzBuffer input)
    {
        if (input.Length is > 0 and < ShortestRecord)
        {
            input.Insert(input.Length, new byte[ShortestRecord - input.Length]);
        }

        var span = input.Span;
        for (var at = 0; at < span.Length;)
        {
            var size = BinaryPrimitives.ReadInt32BigEndian(span[at..]);
            var left = span.Length - at;
            if (size < ShortestRecord || (size != left && size > left - ShortestRecord))
            {
                size = left;
                input.WriteInt32(at, size);
            }

            var magic = BinaryPrimitives.ReadInt32BigEndian(span[(at + StoredMessage.MagicPosition)..]);
            input.WriteInt32(at + StoredMessage.MagicPosition, magic == StoredMessage.MagicV2 ? magic : StoredMessage.MagicV1);
            at += size;
        }
    }

    public override bool IsFramed(ReadOnlySpan<byte> input)
    {
        while (input.Length >= 8)
        {
            var size = BinaryPrimitives.ReadInt32BigEndian(input);
            var magic = BinaryPrimitives.ReadInt32BigEndian(input[StoredMessage.MagicPosition..]);
            if (size < 8 || size > input.Length || magic is not (StoredMessage.MagicV1 or StoredMessage.MagicV2))
            {
                return false;
            }

            input = input[size..];
        }

        return input.IsEmpty;
    }

    public override bool Accepts(byte[] input)
    {
        var plain = Decode(input, Plain);
        var withCrc = Decode(input, Checked);
        Must(plain is null == withCrc is null, "a checksum decides about the layout");
        if (plain is null)
        {
            return false;
        }

        var untouched = Decode(input, Plain)!;
        for (var index = 0; index < plain.Count; index++)
        {
            ReadAll(plain[index], untouched[index]);
        }

        WithinLittleMemory(input, plain);
        return plain.Count > 0;
    }

    private static List<MessageExt>? Decode(byte[] input, MessageDecoderOptions options)
    {
        try
        {
            var messages = new List<MessageExt>();
            MessageDecoder.DecodeAll(input, "broker", messages, options);
            return messages;
        }
        catch (MessageFormatException)
        {
            return null;
        }
    }

    // Whatever a listener may ask of a message.
    private static void ReadAll(MessageExt message, MessageExt untouched)
    {
        Must(message.BodyError is not null || message.Body.Length <= Math.Max(Largest, FuzzBuffer.Capacity), "a body longer than allowed");
        foreach (var (name, value) in message.Properties)
        {
            // A name that is no UTF-8 is read as one it is not stored under.
            Must(name.Contains('\uFFFD', StringComparison.Ordinal) || untouched.GetProperty(name) == value, "by its name another property is found");
        }

        Must(message.BornHost.Port is >= 0 and <= 65535 && message.StoreHost.Port is >= 0 and <= 65535, "a port out of range");
        Must(message.MessageId.Length > 0 && message.OffsetMessageId.Length is 32 or 56, "no id");
        _ = (message.Topic, message.Tags, message.Keys, message.ShardingKey, message.DeliverTimestamp, message.ReconsumeTimes, message.TransactionId,
            message.TransactionState, message.BornTimestamp, message.StoreTimestamp, message.PreparedTransactionOffset, message.OriginMessageId, message.ToString());
        var record = message.Record;
        Must(record.Length == message.StoreSize, "a record of another length");
    }

    // With little memory for what bodies decompress to, the first messages are the same and the rest is left for later.
    private static void WithinLittleMemory(byte[] input, List<MessageExt> all)
    {
        var some = new List<MessageExt>();
        var left = MessageDecoder.DecodeWithin(64, input, "broker", some, Plain);
        Must(left is not null || some.Count == all.Count, "messages are gone");
        Must(some.Count <= all.Count, "messages come out of nothing");
        for (var index = 0; index < some.Count; index++)
        {
            Must(some[index].QueueOffset == all[index].QueueOffset && some[index].Body.Span.SequenceEqual(all[index].Body.Span), "another message");
        }
    }

    private static byte[] Stored(int sysFlag, byte[] body) => new StoredMessage
    {
        Topic = "topic",
        Body = body,
        SysFlag = sysFlag,
        Properties = "TAGS\u0001a\u0002",
        BornHost = new(System.Net.IPAddress.Loopback, 1),
        StoreHost = new(System.Net.IPAddress.IPv6Loopback, 2),
    }.Encode();
}
