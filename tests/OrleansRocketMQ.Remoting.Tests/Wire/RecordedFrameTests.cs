using System.Buffers;
using System.Text.Json;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Wire;

public class RecordedFrameTests
{
    [Fact]
    public void There_are_recorded_frames_of_both_serialize_types()
    {
        Assert.True(RecordedFrames.All.Count > 500);
        Assert.Contains(RecordedFrames.All, IsBinary);
        Assert.Contains(RecordedFrames.All, frame => !IsBinary(frame));
    }

    [Fact]
    public void Every_recorded_frame_decodes_to_the_independently_decoded_header()
    {
        foreach (var frame in RecordedFrames.All)
        {
            var command = frame.Decode();
            var header = frame.Header;
            Assert.True(header.GetProperty("code").GetInt32() == command.Code, frame.ToString());
            Assert.True(header.GetProperty("opaque").GetInt32() == command.Opaque, frame.ToString());
            Assert.True(header.GetProperty("flag").GetInt32() == command.Flag, frame.ToString());
            Assert.True(header.GetProperty("version").GetInt32() == command.Version, frame.ToString());
            Assert.Equal(frame.Kind == "response", command.IsResponse);
            Assert.Equal(frame.Kind == "oneway", command.IsOneWay);
            Assert.Equal(frame.BodyLength, command.Body.Length);
            Assert.Equal(RecordedFrame.Fields(header), command.ExtFields.ToDictionary());
            Assert.Equal(header.TryGetProperty("remark", out var remark) ? remark.GetString() : null, command.Remark);
            Assert.Equal(IsBinary(frame) ? SerializeType.RocketMQ : SerializeType.Json, command.SerializeType);
            var language = header.TryGetProperty("language", out var name)
                ? name.GetString()
                : LanguageCodes.NameOf((LanguageCode)header.GetProperty("languageCode").GetByte());
            Assert.Equal(language, LanguageCodes.NameOf(command.Language));
        }
    }

    [Fact]
    public void Encoding_a_decoded_frame_again_gives_an_equivalent_frame()
    {
        foreach (var frame in RecordedFrames.All)
        {
            var original = frame.Decode();
            var again = Frames.Decode(Frames.Encode(original));
            AssertSame(original, again);
            if (!IsBinary(frame))
            {
                Assert.True(JsonElement.DeepEquals(HeaderOf(frame.Bytes), HeaderOf(Frames.Encode(original))), frame.ToString());
            }
        }
    }

    [Fact]
    public void A_recorded_frame_can_be_written_the_other_way_unless_its_code_is_too_large()
    {
        foreach (var frame in RecordedFrames.All)
        {
            var original = frame.Decode();
            original.SerializeType = IsBinary(frame) ? SerializeType.Json : SerializeType.RocketMQ;
            if (original.SerializeType == SerializeType.RocketMQ && original.Code > short.MaxValue)
            {
                Assert.Throws<RocketMQValidationException>(() => Frames.Encode(original));
                continue;
            }

            AssertSame(original, Frames.Decode(Frames.Encode(original)));
        }
    }

    [Fact]
    public void A_recorded_frame_is_complete_only_with_its_last_byte()
    {
        // One of each kind; the longest split everywhere would take long and show nothing more.
        foreach (var frame in RecordedFrames.All.GroupBy(frame => (frame.Request, frame.Kind, IsBinary(frame))).Select(kind => kind.MinBy(frame => frame.Bytes.Length)!))
        {
            for (var at = 0; at < Math.Min(frame.Bytes.Length, 1500); at++)
            {
                var partial = new ReadOnlySequence<byte>(frame.Bytes, 0, at);
                Assert.False(FrameReader.TryRead(ref partial, FrameReader.DefaultMaxFrameLength, out _));
                var whole = Frames.Split(frame.Bytes, at);
                Assert.True(FrameReader.TryRead(ref whole, FrameReader.DefaultMaxFrameLength, out var command));
                Assert.Equal(frame.Header.GetProperty("opaque").GetInt32(), command!.Opaque);
                Assert.Equal(frame.BodyLength, command.Body.Length);
            }
        }
    }

    private static bool IsBinary(RecordedFrame frame) => frame.Bytes[4] == (byte)SerializeType.RocketMQ;

    private static JsonElement HeaderOf(byte[] frame)
    {
        var length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(4)) & 0xFFFFFF;
        return JsonDocument.Parse(frame.AsMemory(8, length)).RootElement;
    }

    private static void AssertSame(RemotingCommand expected, RemotingCommand actual)
    {
        Assert.Equal(expected.Code, actual.Code);
        Assert.Equal(expected.Opaque, actual.Opaque);
        Assert.Equal(expected.Flag, actual.Flag);
        Assert.Equal(expected.Version, actual.Version);
        Assert.Equal(expected.Language, actual.Language);
        Assert.Equal(string.IsNullOrEmpty(expected.Remark) ? null : expected.Remark, string.IsNullOrEmpty(actual.Remark) ? null : actual.Remark);
        Assert.Equal(expected.ExtFields.ToDictionary(), actual.ExtFields.ToDictionary());
        Assert.True(expected.Body.Span.SequenceEqual(actual.Body.Span));
    }
}
