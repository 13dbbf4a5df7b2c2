namespace OrleansRocketMQ.Embedded.Store;

/// <summary>A stretch of a segment.</summary>
/// <param name="Position">Where it begins in the segment.</param>
/// <param name="Size">How long it is.</param>
/// <param name="Entry">What is known of the record that lies there; null when nothing is, as no record can be made out.</param>
/// <param name="IsIntact">Whether the record is what it was when it was stored.</param>
internal readonly record struct Piece(int Position, int Size, RecordEntry? Entry, bool IsIntact);

/// <summary>
/// Takes the bytes of a segment apart. Damage ends with the record it is in: the next one is found by the entries kept
/// beside the log or, where these are missing, by looking for something that is a record of just that place.
/// </summary>
internal sealed class SegmentScan(ReadOnlyMemory<byte> bytes, long baseOffset, IReadOnlyList<RecordEntry> entries)
{
    // The first bytes of both magic numbers, which stand behind a record's length.
    private static ReadOnlySpan<byte> MagicStart => [0xDA, 0xA3, 0x20];

    public IEnumerable<Piece> Pieces()
    {
        var position = 0;
        var next = 0;
        while (position < bytes.Length)
        {
            while (next < entries.Count && entries[next].LogOffset < baseOffset + position)
            {
                next++;
            }

            var piece = next < entries.Count && entries[next].LogOffset == baseOffset + position
                ? Known(position, entries[next])
                : Unknown(position, next < entries.Count ? (int)(entries[next].LogOffset - baseOffset) : bytes.Length);
            yield return piece;
            position += piece.Size;
        }
    }

    private Piece Known(int position, RecordEntry entry)
    {
        var record = bytes.Span.Slice(position, entry.Size);
        return new(position, entry.Size, entry, entry.IsIntact(record) && RecordLayout.IsRecordOf(record, entry.LogOffset, out _));
    }

    private Piece Unknown(int position, int limit)
    {
        if (RecordLayout.IsRecordOf(bytes.Span[position..limit], baseOffset + position, out var size))
        {
            var record = bytes.Span.Slice(position, size);
            return new(position, size, RecordEntry.Of(record, RecordLayout.Topic(record)), IsIntact: true);
        }

        return new(position, NextRecord(position + 1, limit) - position, null, IsIntact: false);
    }

    private int NextRecord(int position, int limit)
    {
        while (position + StoredMessage.MagicPosition < limit)
        {
            var found = bytes.Span[(position + StoredMessage.MagicPosition)..limit].IndexOf(MagicStart);
            if (found < 0)
            {
                break;
            }

            position += found;
            if (RecordLayout.IsRecordOf(bytes.Span[position..limit], baseOffset + position, out _))
            {
                return position;
            }

            position++;
        }

        return limit;
    }
}
