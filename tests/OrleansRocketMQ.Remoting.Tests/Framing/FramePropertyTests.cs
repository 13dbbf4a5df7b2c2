using System.Buffers;
using System.Buffers.Binary;
using FsCheck.Fluent;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Framing;

public class FramePropertyTests
{
    [Fact]
    public void A_frame_survives_writing_and_reading_with_either_header()
        => Generators.ForAll(Generators.Command, command => Same(command, Frames.Decode(Frames.Encode(command))));

    [Fact]
    public void A_frame_is_read_the_same_wherever_it_is_split() => Generators.ForAll(Generators.Command, command =>
    {
        var bytes = Frames.Encode(command);
        for (var at = 0; at < bytes.Length; at++)
        {
            var partial = new ReadOnlySequence<byte>(bytes, 0, at);
            var whole = Frames.Split(bytes, at);
            if (FrameReader.TryRead(ref partial, FrameReader.DefaultMaxFrameLength, out _)
                || !FrameReader.TryRead(ref whole, FrameReader.DefaultMaxFrameLength, out var read)
                || !whole.IsEmpty
                || !Same(command, read!))
            {
                return false;
            }
        }

        return true;
    });

    [Fact]
    public void Frames_one_after_the_other_are_read_one_after_the_other() => Generators.ForAll(Generators.Command.ListOf(), commands =>
    {
        var input = new ReadOnlySequence<byte>([.. commands.SelectMany(Frames.Encode)]);
        foreach (var command in commands)
        {
            if (!FrameReader.TryRead(ref input, FrameReader.DefaultMaxFrameLength, out var read) || !Same(command, read!))
            {
                return false;
            }
        }

        return input.IsEmpty;
    });

    [Fact]
    public void Garbage_is_incomplete_or_a_frame_format_error_and_nothing_else()
        => Generators.ForAll(Generators.Bytes, bytes => EndsWell(bytes));

    [Fact]
    public void Garbage_behind_a_sound_length_is_a_frame_or_a_frame_format_error() => Generators.ForAll(
        from header in Generators.Bytes
        from body in Generators.Bytes
        from type in Gen.Choose(0, 2)
        select (header, body, type),
        garbage =>
        {
            var bytes = new byte[8 + garbage.header.Length + garbage.body.Length];
            BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length - 4);
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), (garbage.type << 24) | garbage.header.Length);
            garbage.header.CopyTo(bytes, 8);
            garbage.body.CopyTo(bytes, 8 + garbage.header.Length);
            return EndsWell(bytes);
        });

    [Fact]
    public void A_frame_with_one_wrong_byte_is_another_frame_or_a_frame_format_error() => Generators.ForAll(
        from command in Generators.Command
        from place in Gen.Choose(0, int.MaxValue)
        from value in Gen.Choose(0, 255)
        select (command, place, value),
        broken =>
        {
            var bytes = Frames.Encode(broken.command);
            bytes[broken.place % bytes.Length] = (byte)broken.value;
            return EndsWell(bytes);
        });

    [Theory]
    [InlineData(3, 0)]
    [InlineData(-1, 0)]
    [InlineData(FrameReader.DefaultMaxFrameLength + 1, 0)]
    [InlineData(100, 97)]
    [InlineData(100, 2 << 24)]
    public void A_wrong_length_or_type_is_told_before_the_rest_has_come(int length, int headerMark)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), headerMark);
        Assert.Throws<FrameFormatException>(() =>
        {
            var input = new ReadOnlySequence<byte>(bytes);
            FrameReader.TryRead(ref input, FrameReader.DefaultMaxFrameLength, out _);
        });
    }

    [Theory]
    [InlineData(SerializeType.Json)]
    [InlineData(SerializeType.RocketMQ)]
    public void A_header_of_more_fields_than_the_protocol_ever_has_is_refused(SerializeType type)
    {
        foreach (var count in new[] { 256, 257 })
        {
            var command = RemotingCommand.Request(11);
            command.SerializeType = type;
            for (var n = 0; n < count; n++)
            {
                command.Set($"f{n}", n);
            }

            var input = new ReadOnlySequence<byte>(Frames.Encode(command));
            if (count == 256)
            {
                Assert.True(FrameReader.TryRead(ref input, FrameReader.DefaultMaxFrameLength, out var read));
                Assert.Equal(256, read!.ExtFields.Count);
            }
            else
            {
                Assert.Equal("number of header fields", Assert.Throws<FrameFormatException>(() =>
                {
                    var whole = new ReadOnlySequence<byte>(Frames.Encode(command));
                    FrameReader.TryRead(ref whole, FrameReader.DefaultMaxFrameLength, out _);
                }).Field);
            }
        }
    }

    [Fact]
    public void A_body_in_parts_is_written_as_one()
    {
        var request = RemotingCommand.Request(11);
        var response = RemotingCommand.Response(request, 0, bodyParts: [new byte[] { 1, 2 }, Array.Empty<byte>(), new byte[] { 3 }]);
        Assert.Equal([1, 2, 3], Frames.Decode(Frames.Encode(response)).Body.ToArray());
    }

    [Fact]
    public void The_header_may_hold_numbers_and_nulls_as_field_values()
    {
        var header = """{"code":0,"extFields":{"a":5,"b":null,"c":true,"d":"x"},"flag":1,"language":"KLINGON","opaque":7,"version":1,"new":{"x":[1]}}"""u8;
        var bytes = new byte[8 + header.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, 4 + header.Length);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), header.Length);
        header.CopyTo(bytes.AsSpan(8));
        var command = Frames.Decode(bytes);
        Assert.Equal(new Dictionary<string, string> { ["a"] = "5", ["c"] = "true", ["d"] = "x" }, command.ExtFields.ToDictionary());
        Assert.Equal(7, command.Opaque);
    }

    private static bool EndsWell(byte[] bytes)
    {
        var input = new ReadOnlySequence<byte>(bytes);
        try
        {
            while (FrameReader.TryRead(ref input, FrameReader.DefaultMaxFrameLength, out _))
            {
            }
        }
        catch (FrameFormatException)
        {
        }

        return true;
    }

    private static bool Same(RemotingCommand left, RemotingCommand right)
        => left.Code == right.Code
            && left.Version == right.Version
            && left.Opaque == right.Opaque
            && left.Flag == right.Flag
            && left.Language == right.Language
            && left.Remark == right.Remark
            && left.SerializeType == right.SerializeType
            && left.ExtFields.Count == right.ExtFields.Count
            && left.ExtFields.All(field => right[field.Key] == field.Value)
            && left.Body.Span.SequenceEqual(right.Body.Span);
}
