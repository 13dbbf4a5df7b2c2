using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace OrleansRocketMQ;

/// <summary>Settings of <see cref="MessageDecoder"/>. Immutable.</summary>
public sealed record MessageDecoderOptions
{
    /// <summary>Decompresses zlib bodies, checks no CRC.</summary>
    public static MessageDecoderOptions Default { get; } = new();

    /// <summary>Who decompresses bodies. Default: zlib only.</summary>
    public MessageDecompressors Decompressors { get; init; } = MessageDecompressors.Default;

    /// <summary>Whether a body that does not match its checksum counts as unreadable. Default false, as in Java (<c>checkCRC</c>).</summary>
    public bool CheckCrc { get; init; }
}

/// <summary>
/// Decodes stored messages. Bodies and properties stay slices of the given bytes; a body that is unreadable makes its
/// message carry <see cref="MessageExt.BodyError"/>, a broken layout throws because what follows cannot be found.
/// </summary>
public static class MessageDecoder
{
    private const int ShortestRecord = StoredMessage.BornHostPosition + HostField.V4Length + 8 + HostField.V4Length + 4 + 8 + 4 + 1 + 2;

    /// <summary>Decodes all messages in <paramref name="records"/>, those inside inner batches one by one.</summary>
    /// <param name="records">Messages one after the other, for example the body of a pull's answer.</param>
    /// <param name="brokerName">The broker set they came from.</param>
    /// <param name="into">Gets the messages; those before a broken one are added.</param>
    /// <param name="options">Null means <see cref="MessageDecoderOptions.Default"/>.</param>
    /// <exception cref="MessageFormatException">A message's layout is broken.</exception>
    public static void DecodeAll(ReadOnlyMemory<byte> records, string brokerName, ICollection<MessageExt> into, MessageDecoderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(into);
        var decoding = new Decoding(brokerName, options ?? MessageDecoderOptions.Default);
        while (!records.IsEmpty)
        {
            var size = ReadSize(records.Span);
            decoding.DecodeRecord(records[..size], into);
            records = records[size..];
        }
    }

    /// <inheritdoc cref="DecodeAll(ReadOnlyMemory{byte},string,ICollection{MessageExt},MessageDecoderOptions)"/>
    public static IReadOnlyList<MessageExt> DecodeAll(ReadOnlyMemory<byte> records, string brokerName = "", MessageDecoderOptions? options = null)
    {
        var messages = new List<MessageExt>();
        DecodeAll(records, brokerName, messages, options);
        return messages;
    }

    private static int ReadSize(ReadOnlySpan<byte> records)
    {
        var size = records.Length < 4 ? records.Length : BinaryPrimitives.ReadInt32BigEndian(records);
        return size >= ShortestRecord && size <= records.Length
            ? size
            : throw Bad("message size", size, $"{ShortestRecord} to {records.Length}, the bytes left");
    }

    private static MessageFormatException Bad(string field, long value, string expected)
        => new(field, value.ToString(CultureInfo.InvariantCulture), expected);

    private struct Decoding(string brokerName, MessageDecoderOptions options)
    {
        // A pull brings one topic, so its name is made into a string once.
        private string _topic = string.Empty;
        private ReadOnlyMemory<byte> _topicUtf8;

        public void DecodeRecord(ReadOnlyMemory<byte> record, ICollection<MessageExt> into)
        {
            var span = record.Span;
            var magic = BinaryPrimitives.ReadInt32BigEndian(span[4..]);
            if (magic is not (StoredMessage.MagicV1 or StoredMessage.MagicV2))
            {
                throw Bad("magic code", magic, $"{StoredMessage.MagicV1} (V1) or {StoredMessage.MagicV2} (V2)");
            }

            var sysFlag = StoredMessage.Int32At(span, StoredMessage.SysFlagPosition);
            var position = StoredMessage.ReconsumeTimesPosition(sysFlag) + 12;
            if (span.Length < position + 4)
            {
                throw Bad("message size", span.Length, $"at least {position + 4} with these host addresses");
            }

            var storedBody = Take(record, ref position, lengthBytes: 4, "body length");
            var topicUtf8 = Take(record, ref position, magic == StoredMessage.MagicV1 ? 1 : 2, "topic length");
            var properties = Take(record, ref position, lengthBytes: 2, "properties length");

            MessageFormatException? bodyError = null;
            var body = ReadOnlyMemory<byte>.Empty;
            try
            {
                body = ReadBody(storedBody, sysFlag, StoredMessage.Int32At(span, StoredMessage.BodyCrcPosition));
            }
            catch (MessageFormatException exception)
            {
                bodyError = exception;
            }

            var outer = new MessageExt(record, properties)
            {
                Topic = TopicOf(topicUtf8),
                BrokerName = brokerName,
                Flag = StoredMessage.Int32At(span, StoredMessage.FlagPosition),
                QueueOffset = StoredMessage.Int64At(span, StoredMessage.QueueOffsetPosition),
                Body = body,
                BodyError = bodyError,
            };

            const int Unwrap = MessageSysFlag.InnerBatch | MessageSysFlag.NeedUnwrap;
            if ((sysFlag & Unwrap) != Unwrap || bodyError is not null)
            {
                into.Add(outer);
                return;
            }

            try
            {
                MessageBatchCodec.DecodeInner(outer, into);
            }
            catch (MessageFormatException exception)
            {
                into.Add(outer.WithBodyError(exception));
            }
        }

        private readonly ReadOnlyMemory<byte> ReadBody(ReadOnlyMemory<byte> stored, int sysFlag, int crc)
        {
            if (options.CheckCrc)
            {
                var actual = BodyChecksum.Compute(stored.Span);
                if (actual != crc)
                {
                    throw Bad("body CRC", actual, crc.ToString(CultureInfo.InvariantCulture));
                }
            }

            return (sysFlag & MessageSysFlag.Compressed) == 0
                ? stored
                : options.Decompressors.Decompress(MessageSysFlag.CompressionOf(sysFlag), stored);
        }

        private string TopicOf(ReadOnlyMemory<byte> utf8)
        {
            if (!utf8.Span.SequenceEqual(_topicUtf8.Span))
            {
                _topicUtf8 = utf8;
                _topic = Encoding.UTF8.GetString(utf8.Span);
            }

            return _topic;
        }

        private static ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> record, ref int position, int lengthBytes, string what)
        {
            var rest = record.Span[position..];
            if (rest.Length < lengthBytes)
            {
                throw Bad(what, rest.Length, $"{lengthBytes} bytes of length");
            }

            var length = lengthBytes switch
            {
                1 => (sbyte)rest[0],
                2 => BinaryPrimitives.ReadInt16BigEndian(rest),
                _ => BinaryPrimitives.ReadInt32BigEndian(rest),
            };
            if (length < 0 || length > rest.Length - lengthBytes)
            {
                throw Bad(what, length, $"0 to {rest.Length - lengthBytes}");
            }

            var taken = record.Slice(position + lengthBytes, length);
            position += lengthBytes + length;
            return taken;
        }
    }
}
