using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>
/// What is kept of a record beside the commit log, so that damage to it is noticed and neither its end nor its place in
/// its queue is lost with it: log offset i64, size i32, CRC of the record u32, queue offset i64, store time i64, hash of
/// the topic u64, queue id i32, CRC of all these u32.
/// </summary>
internal readonly record struct RecordEntry(
    long LogOffset, int Size, uint Checksum, long QueueOffset, long StoreTime, ulong TopicHash, int QueueId)
{
    /// <summary>The length of an encoded entry.</summary>
    public const int Length = 48;

    private const int ChecksumPosition = Length - 4;

    public long End => LogOffset + Size;

    public static RecordEntry Of(ReadOnlySpan<byte> record, string topic) => new(
        RecordLayout.LogOffset(record),
        record.Length,
        Crc32.HashToUInt32(record),
        RecordLayout.QueueOffset(record),
        RecordLayout.StoreTimestamp(record),
        HashOf(topic),
        RecordLayout.QueueId(record));

    /// <summary>A topic's name in eight bytes (FNV-1a), so that entries have one length.</summary>
    public static ulong HashOf(string topic)
    {
        var hash = 14695981039346656037UL;
        foreach (var unit in MemoryMarshal.AsBytes(topic.AsSpan()))
        {
            hash = (hash ^ unit) * 1099511628211UL;
        }

        return hash;
    }

    public bool IsIntact(ReadOnlySpan<byte> record) => Crc32.HashToUInt32(record) == Checksum;

    public void Encode(Span<byte> into)
    {
        BinaryPrimitives.WriteInt64BigEndian(into, LogOffset);
        BinaryPrimitives.WriteInt32BigEndian(into[8..], Size);
        BinaryPrimitives.WriteUInt32BigEndian(into[12..], Checksum);
        BinaryPrimitives.WriteInt64BigEndian(into[16..], QueueOffset);
        BinaryPrimitives.WriteInt64BigEndian(into[24..], StoreTime);
        BinaryPrimitives.WriteUInt64BigEndian(into[32..], TopicHash);
        BinaryPrimitives.WriteInt32BigEndian(into[40..], QueueId);
        BinaryPrimitives.WriteUInt32BigEndian(into[ChecksumPosition..], Crc32.HashToUInt32(into[..ChecksumPosition]));
    }

    public static byte[] Encode(IReadOnlyList<RecordEntry> entries)
    {
        var bytes = new byte[entries.Count * Length];
        for (var i = 0; i < entries.Count; i++)
        {
            entries[i].Encode(bytes.AsSpan(i * Length, Length));
        }

        return bytes;
    }

    /// <summary>The undamaged entries that lie within a stretch of the log, ascending and without overlaps.</summary>
    public static List<RecordEntry> DecodeAll(ReadOnlySpan<byte> bytes, long from, long to)
    {
        var entries = new List<RecordEntry>(bytes.Length / Length);
        for (; bytes.Length >= Length; bytes = bytes[Length..])
        {
            var entry = Decode(bytes);
            if (Crc32.HashToUInt32(bytes[..ChecksumPosition]) == BinaryPrimitives.ReadUInt32BigEndian(bytes[ChecksumPosition..])
                && entry.Size >= RecordLayout.Shortest
                && entry.LogOffset >= from
                && entry.End <= to
                && entry.QueueOffset >= 0)
            {
                from = entry.End;
                entries.Add(entry);
            }
        }

        return entries;
    }

    private static RecordEntry Decode(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt64BigEndian(bytes),
        BinaryPrimitives.ReadInt32BigEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]),
        BinaryPrimitives.ReadInt64BigEndian(bytes[16..]),
        BinaryPrimitives.ReadInt64BigEndian(bytes[24..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[32..]),
        BinaryPrimitives.ReadInt32BigEndian(bytes[40..]));
}
