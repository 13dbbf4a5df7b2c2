using System.Buffers;
using System.Globalization;
using System.Text.Json;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>Frames recorded between Java programs and a real name server and broker; see Fixtures/README.md.</summary>
internal static class RecordedFrames
{
    public static IReadOnlyList<RecordedFrame> All { get; } = [.. Directory
        .EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Fixtures"), "*.jsonl")
        .Order(StringComparer.Ordinal)
        .SelectMany(file => File.ReadLines(file).Select((line, index) => new RecordedFrame($"{Path.GetFileName(file)}:{index + 1}", JsonDocument.Parse(line).RootElement)))];

    public static IEnumerable<RecordedFrame> Requests(int code) => All.Where(frame => frame.Request == code && frame.Kind != "response" && frame.From == "client");

    public static IEnumerable<RecordedFrame> Responses(int code) => All.Where(frame => frame.Request == code && frame.Kind == "response");
}

internal sealed class RecordedFrame(string place, JsonElement line)
{
    public string Place { get; } = place;

    public int Request { get; } = line.GetProperty("request").GetInt32();

    public string Kind { get; } = line.GetProperty("kind").GetString()!;

    public string From { get; } = line.GetProperty("from").GetString()!;

    public byte[] Bytes { get; } = line.GetProperty("frame").GetBytesFromBase64();

    public JsonElement Header { get; } = line.GetProperty("header");

    public int BodyLength { get; } = line.GetProperty("bodyLength").GetInt32();

    public IReadOnlyList<JsonElement> Messages { get; } = line.TryGetProperty("messages", out var messages) ? [.. messages.EnumerateArray()] : [];

    /// <summary>The header's fields, without those that sign it or name a namespace.</summary>
    public Dictionary<string, string> PlainFields => Fields(Header)
        .Where(pair => pair.Key is not ("AccessKey" or "Signature" or "ns" or "nsd"))
        .ToDictionary();

    public static Dictionary<string, string> Fields(JsonElement header)
        => header.TryGetProperty("extFields", out var fields) && fields.ValueKind == JsonValueKind.Object
            ? fields.EnumerateObject().ToDictionary(field => field.Name, field => field.Value.ValueKind == JsonValueKind.String ? field.Value.GetString()! : field.Value.GetRawText())
            : [];

    public RemotingCommand Decode() => Frames.Decode(Bytes);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Place} ({Kind} {Request} from {From})");
}

internal static class Frames
{
    public static byte[] Encode(RemotingCommand command)
    {
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.Write(output, command);
        return output.WrittenSpan.ToArray();
    }

    public static RemotingCommand Decode(byte[] bytes)
    {
        var input = new ReadOnlySequence<byte>(bytes);
        Assert.True(FrameReader.TryRead(ref input, FrameReader.DefaultMaxFrameLength, out var command));
        Assert.True(input.IsEmpty);
        return command!;
    }

    /// <summary>The same bytes in two pieces.</summary>
    public static ReadOnlySequence<byte> Split(byte[] bytes, int at)
    {
        var first = new Segment(bytes.AsMemory(0, at), null);
        var last = new Segment(bytes.AsMemory(at), first);
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                previous.Next = this;
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
            }
        }
    }
}
