using System.Buffers.Binary;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>A file of the embedded broker's log with its index behind it, as a crash or a bad disk leaves them; the first byte says how many entries there are.</summary>
internal sealed class SegmentTarget : FuzzTarget
{
    public override string Name => "segments";

    public override IReadOnlyList<string> Decoders => [nameof(SegmentScan), nameof(RecordEntry), nameof(RecordLayout)];

    public override IEnumerable<byte[]> Seeds()
    {
        var log = Log();
        yield return [0, .. log];
        yield return [3, .. log, .. Index(log)];
        yield return [2, .. log, .. Index(log).AsSpan(RecordEntry.Length)];
    }

    public override bool Accepts(byte[] input)
    {
        if (input.Length == 0)
        {
            return false;
        }

        var entries = Math.Min(input[0] % 8 * RecordEntry.Length, input.Length - 1);
        var log = input.AsMemory(1, input.Length - 1 - entries);
        var known = RecordEntry.DecodeAll(input.AsSpan(input.Length - entries), 0, log.Length);
        Must(known.TrueForAll(entry => entry.LogOffset >= 0 && entry.End <= log.Length), "an entry of what is not there");
        var position = 0;
        var intact = 0;
        foreach (var piece in new SegmentScan(log, 0, known).Pieces())
        {
            Must(piece.Position == position && piece.Size > 0, "a gap");
            position += piece.Size;
            if (piece.IsIntact)
            {
                intact++;
                var record = log.Slice(piece.Position, piece.Size);
                Must(RecordLayout.Decode(record).Topic == RecordLayout.Topic(record.Span), "a record of another topic");
            }
        }

        Must(position == log.Length, "bytes are left over");
        return intact > 0;
    }

    private static byte[] Log()
    {
        var log = new List<byte>();
        for (var number = 0; number < 3; number++)
        {
            log.AddRange(new StoredMessage
            {
                Topic = "topic",
                Body = new byte[number * 20],
                QueueOffset = number,
                CommitLogOffset = log.Count,
                Properties = "TAGS\u0001a\u0002",
                BornHost = new(System.Net.IPAddress.Loopback, 1),
                StoreHost = new(System.Net.IPAddress.Loopback, 2),
            }.Encode());
        }

        return [.. log];
    }

    private static byte[] Index(byte[] log)
        => RecordEntry.Encode([.. new SegmentScan(log, 0, []).Pieces().Select(piece => piece.Entry).OfType<RecordEntry>()]);
}
