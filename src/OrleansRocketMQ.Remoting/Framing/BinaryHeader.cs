using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Framing;

/// <summary>
/// The ROCKETMQ binary header, big endian:
/// <c>code i16 | language i8 | version i16 | opaque i32 | flag i32 | remark (i32 length) | fields (i32 length, each i16
/// key, i32 value)</c>.
/// </summary>
internal static class BinaryHeader
{
    private const int FixedLength = 2 + 1 + 2 + 4 + 4;

    public static void Write(IBufferWriter<byte> output, RemotingCommand command)
    {
        if (command.Code is < short.MinValue or > short.MaxValue)
        {
            throw new RocketMQValidationException(
                "Code of a frame with the ROCKETMQ binary header",
                command.Code,
                "a number of 16 bits; send this request with SerializeType.Json");
        }

        var head = output.GetSpan(FixedLength);
        BinaryPrimitives.WriteInt16BigEndian(head, (short)command.Code);
        head[2] = (byte)command.Language;
        BinaryPrimitives.WriteInt16BigEndian(head[3..], (short)command.Version);
        BinaryPrimitives.WriteInt32BigEndian(head[5..], command.Opaque);
        BinaryPrimitives.WriteInt32BigEndian(head[9..], command.Flag);
        output.Advance(FixedLength);

        WriteText(output, command.Remark ?? string.Empty, lengthBytes: 4, "remark");

        var fieldsLength = 0;
        foreach (var (name, value) in command.Fields.AsSpan())
        {
            fieldsLength += 2 + Encoding.UTF8.GetByteCount(name) + 4 + Encoding.UTF8.GetByteCount(value);
        }

        BinaryPrimitives.WriteInt32BigEndian(output.GetSpan(4), fieldsLength);
        output.Advance(4);
        foreach (var (name, value) in command.Fields.AsSpan())
        {
            WriteText(output, name, lengthBytes: 2, "field name");
            WriteText(output, value, lengthBytes: 4, name);
        }
    }

    public static RemotingCommand Read(ReadOnlySpan<byte> header, ReadOnlyMemory<byte> body)
    {
        if (header.Length < FixedLength + 8)
        {
            throw new FrameFormatException("binary header length", header.Length, $"at least {FixedLength + 8}");
        }

        var code = BinaryPrimitives.ReadInt16BigEndian(header);
        var language = LanguageCodes.FromByte(header[2]);
        var version = BinaryPrimitives.ReadInt16BigEndian(header[3..]);
        var opaque = BinaryPrimitives.ReadInt32BigEndian(header[5..]);
        var flag = BinaryPrimitives.ReadInt32BigEndian(header[9..]);
        var rest = header[FixedLength..];
        var remark = TakeText(ref rest, lengthBytes: 4, "remark length");

        if (rest.Length < 4)
        {
            throw new FrameFormatException("field table length", rest.Length, "4 bytes of length");
        }

        var fieldsLength = BinaryPrimitives.ReadInt32BigEndian(rest);
        rest = rest[4..];
        if (fieldsLength < 0 || fieldsLength > rest.Length)
        {
            throw new FrameFormatException("field table length", fieldsLength, $"0 to {rest.Length}");
        }

        FieldTable? fields = null;
        if (fieldsLength > 0)
        {
            fields = new(8);
            var table = rest[..fieldsLength];
            var seen = 0;
            while (!table.IsEmpty)
            {
                FieldTable.CheckOneMore(ref seen);
                var name = FieldNames.Intern(Take(ref table, lengthBytes: 2, "field name length"));
                fields[name] = TakeText(ref table, lengthBytes: 4, "field value length");
            }
        }

        return new RemotingCommand
        {
            Code = code,
            Language = language,
            Version = version,
            Opaque = opaque,
            Flag = flag,
            Remark = remark.Length == 0 ? null : remark,
            SerializeType = SerializeType.RocketMQ,
            Body = body,
            Fields = fields!,
        };
    }

    private static void WriteText(IBufferWriter<byte> output, string text, int lengthBytes, string what)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        var span = output.GetSpan(lengthBytes + length);
        if (lengthBytes == 4)
        {
            BinaryPrimitives.WriteInt32BigEndian(span, length);
        }
        else
        {
            if (length > short.MaxValue)
            {
                throw new RocketMQValidationException($"Length of header {what}", length, $"at most {short.MaxValue} bytes");
            }

            BinaryPrimitives.WriteInt16BigEndian(span, (short)length);
        }

        Encoding.UTF8.GetBytes(text, span[lengthBytes..]);
        output.Advance(lengthBytes + length);
    }

    private static string TakeText(ref ReadOnlySpan<byte> rest, int lengthBytes, string what)
        => Encoding.UTF8.GetString(Take(ref rest, lengthBytes, what));

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> rest, int lengthBytes, string what)
    {
        if (rest.Length < lengthBytes)
        {
            throw new FrameFormatException(what, rest.Length, $"{lengthBytes} bytes of length");
        }

        var length = lengthBytes == 4 ? BinaryPrimitives.ReadInt32BigEndian(rest) : BinaryPrimitives.ReadInt16BigEndian(rest);
        if (length < 0 || length > rest.Length - lengthBytes)
        {
            throw new FrameFormatException(what, length, $"0 to {rest.Length - lengthBytes}");
        }

        var taken = rest.Slice(lengthBytes, length);
        rest = rest[(lengthBytes + length)..];
        return taken;
    }
}
