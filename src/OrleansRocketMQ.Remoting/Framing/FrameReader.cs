using System.Buffers;
using System.Buffers.Binary;

namespace OrleansRocketMQ.Framing;

/// <summary>Takes frames off a sequence of received bytes, copying each body into an array of its own.</summary>
public static class FrameReader
{
    /// <summary>The frame limit of RocketMQ's own programs, 16 MiB.</summary>
    public const int DefaultMaxFrameLength = 16 * 1024 * 1024;

    // Far more than any answer with messages has.
    private const int MaxLongFrameHeader = 64 * 1024;

    // Twice what brokers send.
    private const int MaxPullAnswerHeader = 512;

    /// <summary>
    /// Reads one frame when it is there in full, and moves <paramref name="input"/> behind it. A wrong length is
    /// reported as soon as its bytes are in, without waiting for a frame that would never fit.
    /// </summary>
    /// <returns>False when more bytes are needed.</returns>
    /// <exception cref="FrameFormatException">
    /// The bytes are not a frame, or it is longer than <paramref name="maxFrameLength"/>.
    /// </exception>
    public static bool TryRead(ref ReadOnlySequence<byte> input, int maxFrameLength, out RemotingCommand? command)
    {
        command = null;
        var reader = new SequenceReader<byte>(input);
        if (!reader.TryReadBigEndian(out int totalLength))
        {
            return false;
        }

        if (totalLength < 4)
        {
            throw new FrameFormatException("frame length", totalLength, "at least 4");
        }

        if (totalLength > maxFrameLength)
        {
            throw new FrameFormatException("frame length", totalLength, $"at most {maxFrameLength}");
        }

        if (!reader.TryReadBigEndian(out int headerMark))
        {
            return false;
        }

        var type = headerMark >>> 24;
        var headerLength = headerMark & FrameWriter.MaxHeaderLength;
        if (type > (int)SerializeType.RocketMQ)
        {
            throw new FrameFormatException("serialize type", type, "0 (JSON) or 1 (ROCKETMQ)");
        }

        if (headerLength > totalLength - 4)
        {
            throw new FrameFormatException("header length", headerLength, $"at most {totalLength - 4}, what the frame holds");
        }

        if (reader.Remaining < totalLength - 4)
        {
            return false;
        }

        var header = reader.UnreadSequence.Slice(0, headerLength);
        var bodySequence = reader.UnreadSequence.Slice(headerLength, totalLength - 4 - headerLength);
        command = Decode((SerializeType)type, header, OwnBody(in bodySequence));
        input = input.Slice(4L + totalLength);
        return true;
    }

    /// <summary>Reads a whole frame that is a plain answer to a pull; its body stays where it is.</summary>
    /// <param name="input">What has come; not moved.</param>
    /// <param name="maxFrameLength">The longest frame accepted.</param>
    /// <param name="header">Its header.</param>
    /// <param name="body">Its body.</param>
    /// <returns>False when it is another frame, or not there in full, or is to be read by <see cref="TryRead"/>.</returns>
    internal static bool TryReadPullAnswer(
        in ReadOnlySequence<byte> input, int maxFrameLength, out PullAnswerHeader header, out ReadOnlySequence<byte> body)
    {
        (header, body) = (default, default);
        Span<byte> copy = stackalloc byte[8 + MaxPullAnswerHeader];
        scoped var start = input.FirstSpan;
        if (start.Length < copy.Length && !input.IsSingleSegment)
        {
            var length = (int)Math.Min(input.Length, copy.Length);
            input.Slice(0, length).CopyTo(copy);
            start = copy[..length];
        }

        if (start.Length < 8)
        {
            return false;
        }

        var total = BinaryPrimitives.ReadInt32BigEndian(start);
        var headerLength = BinaryPrimitives.ReadInt32BigEndian(start[4..]);
        if (total > maxFrameLength
            || headerLength is <= 0 or > MaxPullAnswerHeader
            || headerLength > total - 4
            || start.Length < 8 + headerLength
            || input.Length < 4L + total
            || !PullAnswerHeader.TryRead(start.Slice(8, headerLength), out header))
        {
            return false;
        }

        body = input.Slice(8 + headerLength, total - 4 - headerLength);
        return true;
    }

    /// <summary>Copies a body into an array of its own.</summary>
    internal static ReadOnlyMemory<byte> OwnBody(in ReadOnlySequence<byte> body)
    {
        if (body.IsEmpty)
        {
            return ReadOnlyMemory<byte>.Empty;
        }

        // Messages keep slices of this array, so it lives as long as the longest-lived of them and is never pooled.
        var bytes = GC.AllocateUninitializedArray<byte>((int)body.Length);
        body.CopyTo(bytes);
        return bytes;
    }

    /// <summary>Reads the header of a frame whose body is not wanted.</summary>
    /// <returns>False when more bytes are needed.</returns>
    /// <exception cref="FrameFormatException">The bytes are not a frame, or have no header of a usual length.</exception>
    internal static bool TryReadHeader(in ReadOnlySequence<byte> input, int totalLength, out RemotingCommand? command, out long headerEnd)
    {
        (command, headerEnd) = (null, 0);
        var reader = new SequenceReader<byte>(input);
        reader.Advance(4);
        if (!reader.TryReadBigEndian(out int headerMark))
        {
            return false;
        }

        var type = headerMark >>> 24;
        var headerLength = headerMark & FrameWriter.MaxHeaderLength;
        if (type > (int)SerializeType.RocketMQ || headerLength > MaxLongFrameHeader || headerLength > totalLength - 4)
        {
            throw new FrameFormatException("frame length", totalLength, "a length that goes with its header");
        }

        if (reader.Remaining < headerLength)
        {
            return false;
        }

        command = Decode((SerializeType)type, reader.UnreadSequence.Slice(0, headerLength), ReadOnlyMemory<byte>.Empty);
        headerEnd = 8L + headerLength;
        return true;
    }

    private static RemotingCommand Decode(SerializeType type, ReadOnlySequence<byte> header, ReadOnlyMemory<byte> body)
    {
        if (header.IsSingleSegment)
        {
            return Decode(type, header.FirstSpan, body);
        }

        var length = (int)header.Length;
        var rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            header.CopyTo(rented);
            return Decode(type, rented.AsSpan(0, length), body);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static RemotingCommand Decode(SerializeType type, ReadOnlySpan<byte> header, ReadOnlyMemory<byte> body)
        => type == SerializeType.Json ? JsonHeader.Read(header, body) : BinaryHeader.Read(header, body);
}
