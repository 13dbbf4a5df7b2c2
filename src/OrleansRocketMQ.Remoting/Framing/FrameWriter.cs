using System.Buffers;
using System.Buffers.Binary;

namespace OrleansRocketMQ.Framing;

/// <summary>
/// Writes a command as a frame: <c>total length | type and header length | header | body</c>, all big endian.
/// The total length does not count itself.
/// </summary>
public static class FrameWriter
{
    /// <summary>The largest header the 24-bit length can express.</summary>
    internal const int MaxHeaderLength = 0xFF_FFFF;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_header;

    /// <summary>Writes one frame, or throws before it has written anything.</summary>
    /// <exception cref="RocketMQValidationException">The header is too large, or the code does not fit the binary header.</exception>
    public static void Write(IBufferWriter<byte> output, RemotingCommand command)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(command);

        // The header goes to a buffer of this thread first because its length precedes it on the wire.
        var header = t_header ??= new ArrayBufferWriter<byte>(1024);
        header.ResetWrittenCount();
        if (command.SerializeType == SerializeType.Json)
        {
            JsonHeader.Write(header, command);
        }
        else
        {
            BinaryHeader.Write(header, command);
        }

        var headerLength = header.WrittenCount;
        if (headerLength > MaxHeaderLength)
        {
            throw new RocketMQValidationException("Header length", headerLength, $"at most {MaxHeaderLength} bytes");
        }

        var prefix = output.GetSpan(8);
        BinaryPrimitives.WriteInt32BigEndian(prefix, 4 + headerLength + command.BodyLength);
        BinaryPrimitives.WriteInt32BigEndian(prefix[4..], ((int)command.SerializeType << 24) | headerLength);
        output.Advance(8);
        output.Write(header.WrittenSpan);
        if (command.BodyParts is { } parts)
        {
            foreach (var part in parts)
            {
                output.Write(part.Span);
            }
        }
        else
        {
            output.Write(command.Body.Span);
        }
    }
}
