using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>Finds the parts of a stored message in its bytes; see <see cref="StoredMessage"/> for the layout.</summary>
internal static class RecordLayout
{
    /// <summary>The length of a record without topic, body and properties.</summary>
    public const int Shortest = StoredMessage.BornHostPosition + 8 + 8 + 8 + 4 + 8 + 4 + 1 + 2;

    /// <summary>Whether bytes begin with a whole record, as far as its sizes tell.</summary>
    public static bool IsRecord(ReadOnlySpan<byte> bytes, out int size)
    {
        size = 0;
        if (bytes.Length < Shortest)
        {
            return false;
        }

        size = BinaryPrimitives.ReadInt32BigEndian(bytes);
        var magic = BinaryPrimitives.ReadInt32BigEndian(bytes[4..]);
        if (size < Shortest || size > bytes.Length || magic is not (StoredMessage.MagicV1 or StoredMessage.MagicV2))
        {
            return false;
        }

        return TryLocate(bytes[..size], out _);
    }

    /// <summary>Whether bytes begin with a record that was stored at an offset, and its body is what it was.</summary>
    public static bool IsRecordOf(ReadOnlySpan<byte> bytes, long logOffset, out int size)
        => IsRecord(bytes, out size)
            && LogOffset(bytes) == logOffset
            && BodyCrc(bytes) == BodyChecksum.Compute(Body(bytes[..size]));

    public static int QueueId(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadInt32BigEndian(record[12..]);

    public static long QueueOffset(ReadOnlySpan<byte> record)
        => BinaryPrimitives.ReadInt64BigEndian(record[StoredMessage.QueueOffsetPosition..]);

    public static long LogOffset(ReadOnlySpan<byte> record)
        => BinaryPrimitives.ReadInt64BigEndian(record[StoredMessage.CommitLogOffsetPosition..]);

    public static int BodyCrc(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadInt32BigEndian(record[8..]);

    public static long StoreTimestamp(ReadOnlySpan<byte> record)
        => BinaryPrimitives.ReadInt64BigEndian(record[StoreTimePosition(record)..]);

    public static void SetStoreTimestamp(Span<byte> record, long timestamp)
        => BinaryPrimitives.WriteInt64BigEndian(record[StoreTimePosition(record)..], timestamp);

    public static string Topic(ReadOnlySpan<byte> record)
        => TryLocate(record, out var parts) ? Encoding.UTF8.GetString(record[parts.Topic]) : throw NoRecord(record);

    public static ReadOnlySpan<byte> Body(ReadOnlySpan<byte> record)
        => TryLocate(record, out var parts) ? record[parts.Body] : throw NoRecord(record);

    public static ReadOnlyMemory<byte> BodyMemory(ReadOnlyMemory<byte> record)
        => TryLocate(record.Span, out var parts) ? record[parts.Body] : throw NoRecord(record.Span);

    public static ReadOnlySpan<byte> Properties(ReadOnlySpan<byte> record)
        => TryLocate(record, out var parts) ? record[parts.Properties] : throw NoRecord(record);

    /// <summary>How many messages a record holds: more than one for a batch that is kept whole.</summary>
    public static int MessagesIn(ReadOnlySpan<byte> record)
        => (SysFlag(record) & MessageSysFlag.InnerBatch) != 0
            && MessageProperties.TryFind(Properties(record), "INNER_NUM"u8, out var text)
            && Utf8Parser.TryParse(text, out int number, out _)
            && number is > 0 and <= short.MaxValue
                ? number
                : 1;

    /// <summary>The one message a record is, be it marked as a batch: a broker moves records about and never takes them apart.</summary>
    public static MessageExt Decode(ReadOnlyMemory<byte> record, MessageDecoderOptions? options = null)
    {
        var copy = record.ToArray();
        var sysFlag = SysFlag(copy) & ~MessageSysFlag.InnerBatch;
        BinaryPrimitives.WriteInt32BigEndian(copy.AsSpan(StoredMessage.SysFlagPosition), sysFlag);
        return MessageDecoder.DecodeAll(copy, string.Empty, options)[0];
    }

    private static int StoreTimePosition(ReadOnlySpan<byte> record)
        => StoredMessage.BornHostPosition + StoredMessage.LengthOf(SysFlag(record), MessageSysFlag.BornHostV6);

    private static int SysFlag(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadInt32BigEndian(record[StoredMessage.SysFlagPosition..]);

    private static bool TryLocate(ReadOnlySpan<byte> record, out (Range Body, Range Topic, Range Properties) parts)
    {
        parts = default;
        var position = StoreTimePosition(record) + 8 + StoredMessage.LengthOf(SysFlag(record), MessageSysFlag.StoreHostV6) + 12;
        var v2 = BinaryPrimitives.ReadInt32BigEndian(record[4..]) == StoredMessage.MagicV2;
        if (!Take(record, ref position, 4, out var body)
            || !Take(record, ref position, v2 ? 2 : 1, out var topic)
            || !Take(record, ref position, 2, out var properties)
            || position != record.Length)
        {
            return false;
        }

        parts = (body, topic, properties);
        return true;
    }

    private static bool Take(ReadOnlySpan<byte> record, ref int position, int lengthBytes, out Range part)
    {
        part = default;
        if (position + lengthBytes > record.Length)
        {
            return false;
        }

        var at = record[position..];
        var length = lengthBytes switch
        {
            1 => (sbyte)at[0],
            2 => BinaryPrimitives.ReadInt16BigEndian(at),
            _ => BinaryPrimitives.ReadInt32BigEndian(at),
        };
        position += lengthBytes;
        if (length < 0 || length > record.Length - position)
        {
            return false;
        }

        part = position..(position + length);
        position += length;
        return true;
    }

    private static MessageFormatException NoRecord(ReadOnlySpan<byte> record)
        => new("stored message", $"{record.Length} bytes", "a whole record");
}
