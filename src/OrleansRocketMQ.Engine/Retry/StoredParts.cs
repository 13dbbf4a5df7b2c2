using System.Buffers.Binary;
using System.Text;

namespace OrleansRocketMQ.Engine.Retry;

/// <summary>
/// Body and properties of a message as its broker stores them, for copies that must be what the message is: a body that
/// is compressed stays so, and what is measured is what goes over the wire; properties that are no proper table (agents
/// append to them without a separator) stay as odd as they are.
/// </summary>
internal static class StoredParts
{
    private const char NameValueSeparator = '\u0001';
    private const char PropertySeparator = '\u0002';

    /// <summary>The body, and the bits that say how it is compressed.</summary>
    public static ReadOnlyMemory<byte> BodyOf(MessageExt message, out int compression)
    {
        compression = message.IsInnerBatch ? 0 : message.SysFlag & (MessageSysFlag.Compressed | MessageSysFlag.CompressionMask);
        if ((compression & MessageSysFlag.Compressed) == 0)
        {
            compression = 0;
            return message.Body;
        }

        var place = StoredMessage.ReconsumeTimesPosition(message.SysFlag) + sizeof(int) + sizeof(long);
        return message.Record.Slice(place + sizeof(int), StoredMessage.Int32At(message.Record.Span, place));
    }

    /// <summary>The only message of a batch: the one way in which brokers since 5.0 take a message without a body.</summary>
    public static byte[] BatchOfOneWithoutBody(string properties, int flag)
    {
        const int Fixed = 22;
        var text = Encoding.UTF8.GetBytes(properties);
        var batch = new byte[Fixed + text.Length];
        BinaryPrimitives.WriteInt32BigEndian(batch, batch.Length);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(12), flag);
        BinaryPrimitives.WriteInt16BigEndian(batch.AsSpan(Fixed - sizeof(short)), (short)text.Length);
        text.CopyTo(batch, Fixed);
        return batch;
    }

    /// <summary>The properties one by one, but for those of some names.</summary>
    public static List<string> PropertiesOf(MessageExt message, IReadOnlySet<string> without)
        =>
        [
            .. Encoding.UTF8.GetString(message.StoredProperties)
                .Split(PropertySeparator, StringSplitOptions.RemoveEmptyEntries)
                .Where(piece => !without.Contains(NameOf(piece))),
        ];

    /// <summary>The name in front of a property's value; all of it when there is no value.</summary>
    public static string NameOf(string piece) => piece.IndexOf(NameValueSeparator) is var end and >= 0 ? piece[..end] : piece;

    /// <summary>A property with the separator behind it.</summary>
    public static string Property(string name, string value) => $"{name}{NameValueSeparator}{value}{PropertySeparator}";

    /// <summary>Properties as they are stored, a separator behind each.</summary>
    public static string Join(IEnumerable<string> pieces) => string.Concat(pieces.Select(static piece => piece + PropertySeparator));

    /// <summary>Bytes of a property and its separator.</summary>
    public static int LengthOf(string piece) => Encoding.UTF8.GetByteCount(piece) + 1;
}
