using System.Buffers.Binary;
using System.Globalization;

namespace OrleansRocketMQ;

/// <summary>
/// Several messages in one body, each: total size i32, magic i32 (0), CRC i32 (0), flag i32, body i32+n, properties
/// i16+n. Producers send batches in it; topics that keep a batch as one deliver it in the same layout.
/// Mirrors <c>MessageDecoder.encodeMessages / decodeMessages</c>.
/// </summary>
public static class MessageBatchCodec
{
    private const int FixedLength = 4 + 4 + 4 + 4 + 4 + 2;

    /// <summary>Writes messages as one body.</summary>
    /// <exception cref="RocketMQValidationException">A property cannot be written.</exception>
    public static byte[] Encode(IEnumerable<Message> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var all = messages as IReadOnlyList<Message> ?? [.. messages];
        var sizes = new int[all.Count];
        for (var index = 0; index < sizes.Length; index++)
        {
            sizes[index] = FixedLength + all[index].Body.Length + LengthOfProperties(all[index]);
        }

        // One array of the right length: batches are large, and producers under load send many.
        var body = GC.AllocateUninitializedArray<byte>(sizes.Sum());
        var rest = body.AsSpan();
        for (var index = 0; index < sizes.Length; index++)
        {
            Write(rest[..sizes[index]], all[index]);
            rest = rest[sizes[index]..];
        }

        return body;
    }

    /// <summary>Reads the messages of a batch's body; body and properties are slices of it.</summary>
    /// <exception cref="MessageFormatException">The layout is broken.</exception>
    public static IReadOnlyList<BatchItem> Decode(ReadOnlyMemory<byte> body)
    {
        var items = new List<BatchItem>();
        while (!body.IsEmpty)
        {
            var span = body.Span;
            var size = span.Length < FixedLength ? span.Length : BinaryPrimitives.ReadInt32BigEndian(span);
            if (size < FixedLength || size > span.Length)
            {
                throw Bad("size of a message in a batch", size, $"{FixedLength} to {span.Length}, the bytes left");
            }

            var bodyLength = BinaryPrimitives.ReadInt32BigEndian(span[16..]);
            if (bodyLength < 0 || bodyLength > size - FixedLength)
            {
                throw Bad("body length of a message in a batch", bodyLength, $"0 to {size - FixedLength}");
            }

            var propertiesLength = BinaryPrimitives.ReadInt16BigEndian(span[(20 + bodyLength)..]);
            if (propertiesLength < 0 || propertiesLength > size - FixedLength - bodyLength)
            {
                throw Bad("properties length of a message in a batch", propertiesLength, $"0 to {size - FixedLength - bodyLength}");
            }

            items.Add(new BatchItem(
                BinaryPrimitives.ReadInt32BigEndian(span[12..]),
                body.Slice(20, bodyLength),
                body.Slice(22 + bodyLength, propertiesLength)));
            body = body[size..];
        }

        return items;
    }

    /// <summary>Takes the messages out of a stored batch: what they do not carry themselves, they have from it.</summary>
    internal static void DecodeInner(MessageExt outer, ICollection<MessageExt> into)
    {
        var index = 0;
        foreach (var item in Decode(outer.Body))
        {
            into.Add(outer.WithInner(index++, item));
        }
    }

    private static int LengthOfProperties(Message message)
    {
        var length = MessageProperties.EncodedLength(message.Properties);
        return length <= short.MaxValue
            ? length
            : throw new RocketMQValidationException("Length of the properties", length, $"at most {short.MaxValue} bytes");
    }

    private static void Write(Span<byte> output, Message message)
    {
        var bodyLength = message.Body.Length;
        BinaryPrimitives.WriteInt32BigEndian(output, output.Length);
        output[4..12].Clear();
        BinaryPrimitives.WriteInt32BigEndian(output[12..], message.Flag);
        BinaryPrimitives.WriteInt32BigEndian(output[16..], bodyLength);
        message.Body.Span.CopyTo(output[20..]);
        BinaryPrimitives.WriteInt16BigEndian(output[(20 + bodyLength)..], (short)(output.Length - FixedLength - bodyLength));
        MessageProperties.WriteTo(output[(22 + bodyLength)..], message.Properties);
    }

    private static MessageFormatException Bad(string field, long value, string expected)
        => new(field, value.ToString(CultureInfo.InvariantCulture), expected);
}

/// <summary>One message of a batch.</summary>
/// <param name="Flag">The sender's number.</param>
/// <param name="Body">What it carries.</param>
/// <param name="StoredProperties">Its property table, see <see cref="MessageProperties.Decode"/>.</param>
public readonly record struct BatchItem(int Flag, ReadOnlyMemory<byte> Body, ReadOnlyMemory<byte> StoredProperties);
