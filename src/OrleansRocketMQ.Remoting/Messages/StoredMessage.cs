using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace OrleansRocketMQ;

/// <summary>
/// The layout in which brokers store and deliver a message, big endian, fields in this order:
/// total size i32, magic i32, body CRC i32, queue id i32, flag i32, queue offset i64, commit-log offset i64,
/// system flag i32, born time i64, born host 8|20, store time i64, store host 8|20, reconsume times i32,
/// prepared transaction offset i64, body i32+n, topic i8|i16+n, properties i16+n.
/// </summary>
/// <remarks>Mirrors <c>MessageDecoder</c> and <c>MessageVersion</c>.</remarks>
public sealed class StoredMessage
{
    /// <summary>Marks layout V1, whose topic is at most 127 bytes long.</summary>
    public const int MagicV1 = -626843481;

    /// <summary>Marks layout V2, whose topic length takes 16 bits.</summary>
    public const int MagicV2 = -626843477;

    internal const int MagicPosition = 4;
    internal const int BodyCrcPosition = 8;
    internal const int QueueIdPosition = 12;
    internal const int FlagPosition = 16;
    internal const int QueueOffsetPosition = 20;
    internal const int CommitLogOffsetPosition = 28;
    internal const int SysFlagPosition = 36;
    internal const int BornTimestampPosition = 40;
    internal const int BornHostPosition = 48;

    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>The body as it is to be stored: compressed when <see cref="SysFlag"/> says so.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The property table, see <see cref="MessageProperties.Encode"/>.</summary>
    public string Properties { get; init; } = string.Empty;

    /// <summary>The property table as it is stored, where it is there already, in the place of <see cref="Properties"/>.</summary>
    internal ReadOnlyMemory<byte>? StoredProperties { get; init; }

    /// <summary>The queue's number.</summary>
    public int QueueId { get; init; }

    /// <summary>The position in the queue.</summary>
    public long QueueOffset { get; init; }

    /// <summary>The position in the commit log.</summary>
    public long CommitLogOffset { get; init; }

    /// <summary>The sender's number.</summary>
    public int Flag { get; init; }

    /// <summary>Bits of <see cref="MessageSysFlag"/>; those of the hosts' address families are set by the encoder.</summary>
    public int SysFlag { get; init; }

    /// <summary>Milliseconds since 1970 UTC.</summary>
    public long BornTimestamp { get; init; }

    /// <summary>The producer.</summary>
    public required IPEndPoint BornHost { get; init; }

    /// <summary>Milliseconds since 1970 UTC.</summary>
    public long StoreTimestamp { get; init; }

    /// <summary>The broker.</summary>
    public required IPEndPoint StoreHost { get; init; }

    /// <summary>How often consuming has failed before.</summary>
    public int ReconsumeTimes { get; init; }

    /// <summary>The half message's place, for a message of a transaction.</summary>
    public long PreparedTransactionOffset { get; init; }

    /// <summary>Writes the message in layout V1, or V2 when its topic is longer than V1 allows.</summary>
    /// <exception cref="RocketMQValidationException">Topic or properties are longer than 32767 bytes.</exception>
    public byte[] Encode()
    {
        var topicLength = Encoding.UTF8.GetByteCount(Topic);
        var propertiesLength = StoredProperties?.Length ?? Encoding.UTF8.GetByteCount(Properties);
        CheckLength("Length of the topic", topicLength);
        CheckLength("Length of the properties", propertiesLength);

        var v2 = topicLength > sbyte.MaxValue;
        var bornHostLength = HostField.LengthOf(BornHost);
        var storeHostLength = HostField.LengthOf(StoreHost);
        var size = BornHostPosition + bornHostLength + 8 + storeHostLength + 4 + 8
            + 4 + Body.Length + (v2 ? 2 : 1) + topicLength + 2 + propertiesLength;
        var sysFlag = SysFlag & ~(MessageSysFlag.BornHostV6 | MessageSysFlag.StoreHostV6);
        sysFlag |= bornHostLength == HostField.V6Length ? MessageSysFlag.BornHostV6 : 0;
        sysFlag |= storeHostLength == HostField.V6Length ? MessageSysFlag.StoreHostV6 : 0;

        var record = GC.AllocateUninitializedArray<byte>(size);
        var writer = new RecordWriter(record);
        writer.Int32(size);
        writer.Int32(v2 ? MagicV2 : MagicV1);
        writer.Int32(BodyChecksum.Compute(Body.Span));
        writer.Int32(QueueId);
        writer.Int32(Flag);
        writer.Int64(QueueOffset);
        writer.Int64(CommitLogOffset);
        writer.Int32(sysFlag);
        writer.Int64(BornTimestamp);
        writer.Host(BornHost);
        writer.Int64(StoreTimestamp);
        writer.Host(StoreHost);
        writer.Int32(ReconsumeTimes);
        writer.Int64(PreparedTransactionOffset);
        writer.Int32(Body.Length);
        writer.Bytes(Body.Span);
        if (v2)
        {
            writer.Int16((short)topicLength);
        }
        else
        {
            writer.Byte((byte)topicLength);
        }

        writer.Text(Topic);
        writer.Int16((short)propertiesLength);
        if (StoredProperties is { } stored)
        {
            writer.Bytes(stored.Span);
        }
        else
        {
            writer.Text(Properties);
        }

        return record;
    }

    /// <summary>Puts the positions a broker gives at storing time into an encoded message.</summary>
    public static void SetPositions(Span<byte> record, long queueOffset, long commitLogOffset)
    {
        BinaryPrimitives.WriteInt64BigEndian(record[QueueOffsetPosition..], queueOffset);
        BinaryPrimitives.WriteInt64BigEndian(record[CommitLogOffsetPosition..], commitLogOffset);
    }

    internal static int StoreTimestampPosition(int sysFlag) => BornHostPosition + LengthOf(sysFlag, MessageSysFlag.BornHostV6);

    internal static int ReconsumeTimesPosition(int sysFlag)
        => StoreTimestampPosition(sysFlag) + 8 + LengthOf(sysFlag, MessageSysFlag.StoreHostV6);

    internal static ReadOnlySpan<byte> BornHostField(ReadOnlySpan<byte> record, int sysFlag)
        => record.Slice(BornHostPosition, LengthOf(sysFlag, MessageSysFlag.BornHostV6));

    internal static ReadOnlySpan<byte> StoreHostField(ReadOnlySpan<byte> record, int sysFlag)
        => record.Slice(StoreTimestampPosition(sysFlag) + 8, LengthOf(sysFlag, MessageSysFlag.StoreHostV6));

    /// <summary>The property table of a record whose layout is good.</summary>
    /// <param name="record">The record.</param>
    /// <param name="bodyEnd">The place behind its body.</param>
    internal static ReadOnlySpan<byte> PropertiesBehind(ReadOnlySpan<byte> record, int bodyEnd)
    {
        var topicEnd = Int32At(record, MagicPosition) == MagicV1
            ? bodyEnd + 1 + record[bodyEnd]
            : bodyEnd + 2 + BinaryPrimitives.ReadInt16BigEndian(record[bodyEnd..]);
        return record.Slice(topicEnd + 2, BinaryPrimitives.ReadInt16BigEndian(record[topicEnd..]));
    }

    internal static int Int32At(ReadOnlySpan<byte> record, int position) => BinaryPrimitives.ReadInt32BigEndian(record[position..]);

    internal static long Int64At(ReadOnlySpan<byte> record, int position) => BinaryPrimitives.ReadInt64BigEndian(record[position..]);

    internal static int LengthOf(int sysFlag, int v6Bit) => (sysFlag & v6Bit) == 0 ? HostField.V4Length : HostField.V6Length;

    private static void CheckLength(string field, int length)
    {
        if (length > short.MaxValue)
        {
            throw new RocketMQValidationException(field, length, $"at most {short.MaxValue} bytes");
        }
    }

    private ref struct RecordWriter(Span<byte> output)
    {
        private Span<byte> _rest = output;

        public void Byte(byte value)
        {
            _rest[0] = value;
            _rest = _rest[1..];
        }

        public void Int16(short value)
        {
            BinaryPrimitives.WriteInt16BigEndian(_rest, value);
            _rest = _rest[2..];
        }

        public void Int32(int value)
        {
            BinaryPrimitives.WriteInt32BigEndian(_rest, value);
            _rest = _rest[4..];
        }

        public void Int64(long value)
        {
            BinaryPrimitives.WriteInt64BigEndian(_rest, value);
            _rest = _rest[8..];
        }

        public void Host(IPEndPoint host) => _rest = _rest[HostField.Write(_rest, host)..];

        public void Text(string text) => _rest = _rest[Encoding.UTF8.GetBytes(text, _rest)..];

        public void Bytes(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_rest);
            _rest = _rest[bytes.Length..];
        }
    }
}
