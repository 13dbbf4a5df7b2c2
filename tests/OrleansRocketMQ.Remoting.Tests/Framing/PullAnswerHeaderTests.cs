using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Framing;

/// <summary>The quick reading of an answer to a pull is that of the field table, or none.</summary>
public class PullAnswerHeaderTests
{
    private static readonly Gen<string> Number = Gen.OneOf(
        Gen.Elements("0", "7", "-1", "+5", "007", "-0", "1.0", "1e3", "true", "null", "", " 5", "123456789012345678", "9223372036854775807", "99999999999999999999", "2147483647", "2147483648"),
        Generators.Int64.Select(number => FormattableString.Invariant($"{number}")));

    private static readonly Gen<string> Name = Gen.Frequency(
        (4, Gen.Elements("nextBeginOffset", "minOffset", "maxOffset")),
        (2, Gen.Elements("suggestWhichBrokerId", "topicSysFlag", "minOffset\\u0000", "m\\u0069nOffset")),
        (1, Generators.Name));

    private static readonly Gen<string> Value = Gen.Frequency(
        (6, Number.Select(number => $"\"{number}\"")),
        (1, Number),
        (1, Gen.Elements("\"a\\\"b\"", "\"\\u0035\"", "\"é\"", "null", "[1]", "{\"a\":\"b\"}", "\"", "\"\u0001\"")));

    private static readonly Gen<string> Fields =
        from usual in Gen.Choose(0, 3)
        from pairs in (from name in Name from value in Value select $"\"{name}\":{value}").ListOf()
        select "{" + string.Join(',', pairs.Prepend(usual == 0 ? "\"a\":\"1\"" : "\"nextBeginOffset\":\"8\",\"minOffset\":\"5\",\"maxOffset\":\"9\"")) + "}";

    private static readonly Gen<string> Member = Gen.Frequency(
        (3, Fields.Select(fields => $"\"extFields\":{fields}")),
        (2, from name in Gen.Elements("code", "flag", "opaque", "version") from number in Number select $"\"{name}\":{number}"),
        (3, Gen.Elements("\"code\":0", "\"code\":19", "\"flag\":1", "\"opaque\":12", "\"version\":479")),
        (2, Gen.Elements("\"language\":\"JAVA\"", "\"serializeTypeCurrentRPC\":\"JSON\"", "\"remark\":\"FOUND\"", "\"remark\":null", "\"remark\":5", "\"language\":7")),
        (1, Gen.Elements("\"new\":\"x\"", "\"new\":[1]", " \"code\":0", "\"extFields\":null", "\"extFields\":{}", "\"c\\u006fde\":1")));

    // Sound but for what stands where the numbers do.
    private static readonly Gen<string> Usual =
        from code in Gen.Elements("0", "19", "20", "21", "1", "-1", "00")
        from next in Number
        from least in Gen.OneOf(Gen.Constant("5"), Number)
        from most in Gen.OneOf(Gen.Constant("9"), Number)
        from id in Gen.Elements("\"0\"", "\"1\"", "\"-1\"", "1", "\"\"")
        from opaque in Gen.Elements("0", "7", "2147483647")
        select $"\"code\":{code},\"extFields\":{{\"maxOffset\":\"{most}\",\"minOffset\":\"{least}\",\"nextBeginOffset\":\"{next}\",\"suggestWhichBrokerId\":{id}}},\"opaque\":{opaque}";

    private static readonly Gen<string> Header =
        from usual in Gen.OneOf(Usual.Select(usual => new[] { usual }), Gen.Constant(Array.Empty<string>()))
        from others in usual.Length > 0 ? Member.ListOf(1) : Member.ListOf()
        from isAlone in Gen.Elements(true, false)
        let members = usual.Length > 0 && isAlone ? usual : usual.Concat(others).ToArray()
        from ending in Gen.Frequency((8, Gen.Constant("}")), (1, Gen.Elements(",}", "} ", "}x", "")))
        select "{" + string.Join(',', members.Append("\"flag\":1")) + ending;

    private static IEnumerable<byte[]> RecordedHeaders => RecordedFrames.Responses(RequestCodes.PullMessage)
        .Where(frame => frame.Bytes[4] == (byte)SerializeType.Json && PullAnswer.StatusOf(frame.Decode().Code) is not null)
        .Select(frame => frame.Bytes[8..(8 + ((frame.Bytes[5] << 16) | (frame.Bytes[6] << 8) | frame.Bytes[7]))]);

    [Fact]
    public void Every_recorded_answer_of_a_broker_is_read_the_quick_way()
    {
        Assert.True(RecordedHeaders.Count() > 10);
        Assert.All(RecordedHeaders, header => Assert.True(PullAnswerHeader.TryRead(header, out _), Encoding.UTF8.GetString(header)));
        Assert.All(RecordedHeaders, header => Assert.True(IsSameOrNone(header)));
    }

    [Fact]
    public void An_answer_as_this_library_writes_it_is_read_the_quick_way()
    {
        var answer = RemotingCommand.Response(RemotingCommand.Request(11), ResponseCodes.Success, "FOUND")
            .Set("suggestWhichBrokerId", 1).Set("nextBeginOffset", long.MaxValue / 100).Set("minOffset", -1).Set("maxOffset", 0);
        answer.Opaque = int.MaxValue;
        var frame = Frames.Encode(answer);
        Assert.True(PullAnswerHeader.TryRead(frame.AsSpan(8), out var header));
        Assert.Equal((int.MaxValue, long.MaxValue / 100, -1L, 0L, 1L), (header.Opaque, header.NextBeginOffset, header.MinOffset, header.MaxOffset, header.SuggestedBrokerId));
    }

    [Fact]
    public void Any_header_is_read_as_the_field_table_reads_it_or_left_to_that()
        => Generators.ForAll(Header, header => IsSameOrNone(Encoding.UTF8.GetBytes(header)));

    [Fact]
    public void Many_of_the_headers_made_up_here_are_read_the_quick_way_and_many_are_not()
    {
        var read = Gen.Sample(Header, 1_000).Count(header => PullAnswerHeader.TryRead(Encoding.UTF8.GetBytes(header), out _));
        Assert.InRange(read, 20, 980);
    }

    [Fact]
    public void A_broken_header_of_a_broker_is_read_as_the_field_table_reads_it_or_left_to_that() => Generators.ForAll(
        from header in Gen.Elements(RecordedHeaders.ToArray())
        from places in Gen.Choose(0, int.MaxValue).ListOf(3)
        from values in Gen.Elements("\"{}[]:,-+0159 \\enulx\u0001".ToCharArray()).ListOf(3)
        select (header, places, values),
        broken =>
        {
            byte[] bytes = [.. broken.header];
            foreach (var (place, value) in broken.places.Zip(broken.values))
            {
                bytes[place % bytes.Length] = (byte)value;
                if (!IsSameOrNone(bytes))
                {
                    return false;
                }
            }

            return true;
        });

    [Fact]
    public void Garbage_is_left_to_the_field_table() => Generators.ForAll(Generators.Bytes, IsSameOrNone);

    [Fact]
    public void A_frame_is_taken_whole_wherever_it_is_split_and_never_before_it_is_there()
    {
        var answer = RemotingCommand.Response(RemotingCommand.Request(11), ResponseCodes.Success, body: Enumerable.Range(0, 700).Select(n => (byte)n).ToArray())
            .Set("nextBeginOffset", 8).Set("minOffset", 5).Set("maxOffset", 9);
        var bytes = Frames.Encode(answer);
        for (var at = 0; at <= bytes.Length; at++)
        {
            var part = new ReadOnlySequence<byte>(bytes, 0, at);
            Assert.Equal(at == bytes.Length, FrameReader.TryReadPullAnswer(in part, bytes.Length, out _, out _));
            var whole = Frames.Split([.. bytes, 1, 2, 3], at);
            Assert.True(FrameReader.TryReadPullAnswer(in whole, bytes.Length, out var header, out var body));
            Assert.Equal(8, header.NextBeginOffset);
            Assert.Equal(answer.Body.ToArray(), FrameReader.OwnBody(in body).ToArray());
            Assert.Equal([1, 2, 3], whole.Slice(body.End).ToArray());
            Assert.False(FrameReader.TryReadPullAnswer(in whole, bytes.Length - 5, out _, out _));
        }
    }

    private static bool IsSameOrNone(byte[] bytes)
    {
        if (!PullAnswerHeader.TryRead(bytes, out var header))
        {
            return true;
        }

        var table = JsonHeader.Read(bytes, default);
        return (table.Code, table.Opaque, table.Flag) == (header.Code, header.Opaque, header.Flag)
            && (PullAnswer.StatusOf(header.Code) is null || PullAnswer.Read(table) == PullAnswer.Read(in header, default));
    }
}
