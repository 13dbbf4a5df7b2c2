using System.Buffers;
using System.Buffers.Binary;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>What a connection receives: frames with headers of both kinds, at once and in pieces, and the short cut for answers to pulls.</summary>
internal sealed class FrameTarget : FuzzTarget
{
    private const int MaxFrameLength = 1024 * 1024;

    public override string Name => "frames";

    public override IReadOnlyList<string> Decoders => [nameof(FrameReader), nameof(PullAnswerHeader), nameof(PlainJson)];

    public override long LongRun => 10_000_000;

    public override IReadOnlyList<byte[]> Words { get; } = HeaderTarget.HeaderWords;

    public override IEnumerable<byte[]> Seeds()
        => RecordedFrames.All.DistinctBy(frame => (frame.Request, frame.Kind, frame.Header.GetRawText().Length)).Select(frame => frame.Bytes).Where(bytes => bytes.Length < 4096);

    public override void Frame(FuzzBuffer input)
    {
        if (input.Length < 8)
        {
            input.Insert(input.Length, new byte[8 - input.Length]);
        }

        var span = input.Span;
        var header = BinaryPrimitives.ReadInt32BigEndian(span[4..]) & 0xFF_FFFF;
        if (header > input.Length - 8)
        {
            header = input.Length - 8;
        }

        input.WriteInt32(0, input.Length - 4);
        input.WriteInt32(4, ((span[4] & 1) << 24) | header);
    }

    public override bool IsFramed(ReadOnlySpan<byte> input)
        => input.Length >= 8
            && BinaryPrimitives.ReadInt32BigEndian(input) == input.Length - 4
            && input[4] <= 1
            && (BinaryPrimitives.ReadInt32BigEndian(input[4..]) & 0xFF_FFFF) <= input.Length - 8;

    public override bool Accepts(byte[] input)
    {
        var whole = Read(new ReadOnlySequence<byte>(input));
        var inPieces = Read(InPieces(input));
        Must(HeaderTarget.AreSame(whole, inPieces), "in pieces it is another frame");
        if (FrameReader.TryReadPullAnswer(new(input), MaxFrameLength, out var header, out var body))
        {
            Must(whole is not null, "an answer to a pull that is no frame");
            Must(
                header.Code == whole!.Code && header.Opaque == whole.Opaque && header.Flag == whole.Flag && body.Length == whole.Body.Length,
                "the short cut reads another header");
            Must(
                header.NextBeginOffset == whole.GetInt64("nextBeginOffset") && header.MinOffset == whole.GetInt64("minOffset")
                    && header.MaxOffset == whole.GetInt64("maxOffset")
                    && header.SuggestedBrokerId == whole.GetInt64("suggestWhichBrokerId", 0),
                "the short cut reads other offsets");
        }

        if (IsFramed(input))
        {
            // A frame too long to be taken is skipped, and told of to whoever waits for it by its header.
            Must(HeaderOf(new(input)) is var alone && HeaderTarget.AreSame(alone, HeaderOf(InPieces(input))), "in pieces it has another header");
        }

        if (whole is not null)
        {
            Must(whole.Body.Length < input.Length, "a body longer than the frame");
            HeaderTarget.MustSurviveWriting(whole);
        }

        return whole is not null;
    }

    private static RemotingCommand? Read(ReadOnlySequence<byte> input)
    {
        try
        {
            var length = input.Length;
            if (!FrameReader.TryRead(ref input, MaxFrameLength, out var command))
            {
                Must(input.Length == length, "bytes taken without a frame");
                return null;
            }

            Must(input.Length < length, "a frame without bytes");
            return command;
        }
        catch (FrameFormatException)
        {
            return null;
        }
    }

    private static RemotingCommand? HeaderOf(ReadOnlySequence<byte> input)
    {
        try
        {
            return FrameReader.TryReadHeader(in input, (int)input.Length - 4, out var command, out _) ? command : null;
        }
        catch (FrameFormatException)
        {
            return null;
        }
    }

    // As it comes from a pipe, cut where a length or a header may be cut.
    private static ReadOnlySequence<byte> InPieces(byte[] input)
    {
        var first = new Piece(input.AsMemory(0, Math.Min(input.Length, 5)), 0);
        var last = first;
        for (var at = first.Memory.Length; at < input.Length;)
        {
            var length = Math.Min(input.Length - at, 13);
            last = last.Append(input.AsMemory(at, length));
            at += length;
        }

        return new(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long index) => (Memory, RunningIndex) = (memory, index);

        public Piece Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
