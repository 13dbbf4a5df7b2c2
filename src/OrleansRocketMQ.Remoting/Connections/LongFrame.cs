using System.Buffers;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// An answer longer than the limit, of which only the header is kept: its body is taken off the connection as it comes, so
/// that only the request fails, and not everything that shares the connection. Belongs to the receiving loop.
/// </summary>
internal sealed class LongFrame
{
    private long _left;

    /// <summary>Whether a body is being passed over.</summary>
    public bool IsPassing => Volatile.Read(ref _left) > 0;

    /// <summary>Takes off what has come of the body.</summary>
    /// <returns>Whether something else may follow in what has come.</returns>
    public bool Pass(ref ReadOnlySequence<byte> input)
    {
        var part = Math.Min(_left, input.Length);
        input = input.Slice(part);
        Volatile.Write(ref _left, _left - part);
        return _left == 0;
    }

    /// <summary>Whether the next frame is longer than the limit, as far as its length has come.</summary>
    public static bool IsNext(in ReadOnlySequence<byte> input, int limit, out int length)
    {
        var reader = new SequenceReader<byte>(input);
        return reader.TryReadBigEndian(out length) && length > limit;
    }

    /// <summary>Begins to pass over the next frame.</summary>
    /// <param name="input">What has come; moved behind the header.</param>
    /// <param name="length">The frame's length.</param>
    /// <param name="header">The frame without its body.</param>
    /// <returns>False when more bytes are needed to know its header.</returns>
    /// <exception cref="FrameFormatException">It is no frame.</exception>
    public bool TryBegin(ref ReadOnlySequence<byte> input, int length, out RemotingCommand? header)
    {
        if (!FrameReader.TryReadHeader(input, length, out header, out var headerEnd))
        {
            return false;
        }

        input = input.Slice(headerEnd);
        Volatile.Write(ref _left, 4L + length - headerEnd);
        return true;
    }
}
