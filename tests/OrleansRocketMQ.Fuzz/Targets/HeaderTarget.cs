using System.Buffers;
using System.Text;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>A header by itself, in one of its two layouts. The frame around it is always right.</summary>
internal sealed class HeaderTarget(SerializeType type) : FuzzTarget
{
    public static readonly IReadOnlyList<byte[]> HeaderWords =
    [
        .. new[]
        {
            "code", "extFields", "flag", "language", "opaque", "remark", "version", "serializeTypeCurrentRPC", "JAVA", "nextBeginOffset",
            "minOffset", "maxOffset", "suggestWhichBrokerId", "null", "true", "{}", "[]", "\"", "\\u0041", "\\", ":", ",", "{\"", "\":\"", "-",
            "9223372036854775807", "2147483648", "1e5", "0.5", " ", "\n",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override string Name => type == SerializeType.Json ? "json-headers" : "binary-headers";

    public override IReadOnlyList<string> Decoders
        => type == SerializeType.Json ? [nameof(JsonHeader), nameof(FieldTable), nameof(FieldNames)] : [nameof(BinaryHeader), nameof(FieldTable), nameof(FieldNames)];

    public override IReadOnlyList<byte[]> Words => type == SerializeType.Json ? HeaderWords : [];

    public override IEnumerable<byte[]> Seeds() => RecordedFrames.All
        .Select(frame => frame.Decode())
        .DistinctBy(command => (command.Code, command.Flag, command.ExtFields.Count))
        .Where(command => command.Code is >= short.MinValue and <= short.MaxValue)
        .Select(command => Write(command, type))
        .Append(Write(WithFields(300), type));

    public override bool Accepts(byte[] input)
    {
        byte[] frame = [.. BigEndian(4 + input.Length), .. BigEndian(((int)type << 24) | input.Length), .. input];
        var sequence = new ReadOnlySequence<byte>(frame);
        try
        {
            Must(FrameReader.TryRead(ref sequence, int.MaxValue, out var command), "a whole frame is waited for");
            Must(command!.Body.IsEmpty && sequence.IsEmpty, "a body that is not there");
            MustSurviveWriting(command);
            return true;
        }
        catch (FrameFormatException)
        {
            return false;
        }
    }

    /// <summary>Whatever was read can be written in both layouts, unless its writer says why not, and is then read as the same.</summary>
    public static void MustSurviveWriting(RemotingCommand command)
    {
        foreach (var layout in new[] { SerializeType.Json, SerializeType.RocketMQ })
        {
            byte[] header;
            try
            {
                header = Write(command, layout);
            }
            catch (RocketMQValidationException)
            {
                continue;
            }

            var again = layout == SerializeType.Json ? JsonHeader.Read(header, command.Body) : BinaryHeader.Read(header, command.Body);
            Must(AreSame(command, again, versionBits: layout == SerializeType.Json ? 32 : 16), $"written as {layout} it is another header");
        }
    }

    public static bool AreSame(RemotingCommand? one, RemotingCommand? other) => AreSame(one, other, versionBits: 32);

    private static bool AreSame(RemotingCommand? one, RemotingCommand? other, int versionBits)
    {
        if (one is null || other is null)
        {
            return one is null && other is null;
        }

        return one.Code == other.Code && one.Opaque == other.Opaque && one.Flag == other.Flag && one.Language == other.Language
            && (versionBits == 32 ? one.Version == other.Version : (short)one.Version == other.Version)
            && (one.Remark ?? string.Empty) == (other.Remark ?? string.Empty)
            && one.Body.Span.SequenceEqual(other.Body.Span)
            && one.ExtFields.Count == other.ExtFields.Count
            && one.ExtFields.All(field => other[field.Key] == field.Value);
    }

    private static byte[] Write(RemotingCommand command, SerializeType layout)
    {
        var output = new ArrayBufferWriter<byte>();
        if (layout == SerializeType.Json)
        {
            JsonHeader.Write(output, command);
        }
        else
        {
            BinaryHeader.Write(output, command);
        }

        return output.WrittenSpan.ToArray();
    }

    // More fields than any header has.
    private static RemotingCommand WithFields(int count)
    {
        var command = RemotingCommand.Request(1);
        for (var field = 0; field < count; field++)
        {
            command.Set($"{field}", field);
        }

        return command;
    }

    private static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
}
