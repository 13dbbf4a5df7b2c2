using System.IO.Compression;
using System.Net;
using System.Runtime.InteropServices;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Messages;

/// <summary>Anybody who may send to a topic decides what its bodies decompress to.</summary>
[Collection(MemoryCollection.Name)]
public sealed class DecompressionTests
{
    private const int Bomb = 15 * (int)Memory.MiB;

    private static readonly byte[] CompressedBomb = ZlibDecompressor.Compress(new byte[Bomb], CompressionLevel.SmallestSize);

    [Fact]
    public void A_pull_of_bodies_that_explode_takes_the_memory_of_a_few_and_every_message_comes_in_the_end()
    {
        const int Count = 32;
        var queue = Enumerable.Range(0, Count).Select(offset => Record(offset, CompressedBomb)).ToArray();
        var next = 0L;
        for (var pulls = 0; next < Count; pulls++)
        {
            Assert.True(pulls < Count, $"after {pulls} pulls at {next}");
            var before = Memory.Live();
            var messages = new List<MessageExt>();
            var rest = Pull(queue[(int)next..], next).Decode(messages, "b");
            var held = Memory.Live() - before;
            Assert.True(held < 32 * Memory.MiB, $"{messages.Count} messages of a pull hold {held / Memory.MiB} MiB");
            Assert.All(messages, message => Assert.Equal((null, Bomb), (message.BodyError, message.Body.Length)));
            Assert.Equal(Enumerable.Range((int)next, messages.Count), messages.Select(message => (int)message.QueueOffset));
            next = rest ?? Count;
            Assert.Equal(messages[^1].QueueOffset + 1, next);
        }
    }

    [Fact]
    public void A_pull_of_usual_bodies_is_taken_at_once()
    {
        var body = ZlibDecompressor.Compress(Enumerable.Range(0, 100_000).Select(index => (byte)(index % 251)).ToArray());
        var messages = new List<MessageExt>();
        Assert.Null(Pull([.. Enumerable.Range(0, 32).Select(offset => Record(offset, body))], 0).Decode(messages, "b"));
        Assert.Equal(32, messages.Count);
    }

    [Fact]
    public void A_body_longer_than_allowed_is_unreadable_says_so_and_holds_up_nothing()
    {
        var messages = new List<MessageExt>();
        var options = new MessageDecoderOptions { MaxDecompressedLength = 1000 };
        byte[][] queue = [Record(0, ZlibDecompressor.Compress(new byte[1001])), Record(1, ZlibDecompressor.Compress(new byte[1000])), Record(2, [1])];
        Assert.Null(Pull(queue, 0).Decode(messages, "b", options));
        Assert.Contains("more than 1000 bytes", messages[0].BodyError!.Message, StringComparison.Ordinal);
        Assert.True(messages[0].Body.IsEmpty);
        Assert.Equal(1000, messages[1].Body.Length);
        Assert.Equal(3, messages.Count);
    }

    [Fact]
    public void A_body_that_cannot_be_read_is_told_when_it_comes_first()
    {
        byte[][] queue = [Record(0, CompressedBomb), Record(1, [1, 2, 3, 4, 5, 6, 7, 8])];
        var messages = new List<MessageExt>();
        Assert.Equal(1, Pull(queue, 0).Decode(messages, "b"));
        Assert.Single(messages);
        Assert.Null(Pull(queue[1..], 1).Decode(messages, "b"));
        Assert.NotNull(messages[1].BodyError);
    }

    [Fact]
    public void A_body_that_wants_a_dictionary_nobody_has_is_unreadable_like_any_other_and_holds_up_nothing()
    {
        // zlib's bit for it is set in the second byte. Found by tests/OrleansRocketMQ.Fuzz.
        byte[] wantsDictionary = [0x78, 0x3F, 0, 0, 0, 0xB1];
        var messages = new List<MessageExt>();

        Assert.Null(Pull([Record(0, wantsDictionary), Record(1, ZlibDecompressor.Compress([1]))], 0).Decode(messages, "b"));

        Assert.NotNull(messages[0].BodyError);
        Assert.Equal([1], messages[1].Body.ToArray());
    }

    [Fact]
    public void What_is_kept_of_a_body_is_as_long_as_the_body()
    {
        var body = new ZlibDecompressor().Decompress(ZlibDecompressor.Compress(new byte[70_001]));
        Assert.True(MemoryMarshal.TryGetArray(body, out var kept));
        Assert.Equal((70_001, 70_001), (body.Length, kept.Array!.Length));
    }

    [Fact]
    public void A_decompressor_that_knows_no_limit_is_held_to_it_afterwards()
    {
        var options = new MessageDecoderOptions { Decompressors = new MessageDecompressors(new Doubling()), MaxDecompressedLength = 3 };
        var messages = new List<MessageExt>();
        Pull([Record(0, [1, 2], CompressionType.Zstd), Record(1, [1], CompressionType.Zstd)], 0).Decode(messages, "b", options);
        Assert.Contains("more than 3 bytes", messages[0].BodyError!.Message, StringComparison.Ordinal);
        Assert.Equal(2, messages[1].Body.Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(MessageDecoderOptions.LargestBody + 1)]
    public void A_limit_that_cannot_be_is_refused_by_its_name(int limit)
    {
        var options = new RocketMQClientOptions { NameServerAddresses = ["a:1"], ClientId = "c", DecoderOptions = new MessageDecoderOptions { MaxDecompressedLength = limit } };
        Assert.Equal(nameof(MessageDecoderOptions.MaxDecompressedLength), Assert.Throws<RocketMQConfigurationException>(options.Validate).Field);
    }

    private static PullResult Pull(byte[][] records, long offset)
        => new(PullStatus.Found, offset + records.Length, 0, offset + records.Length, 0, records.SelectMany(record => record).ToArray());

    private static byte[] Record(long offset, byte[] body, CompressionType type = CompressionType.Zlib)
    {
        var host = new IPEndPoint(IPAddress.Loopback, 1);
        return new StoredMessage
        {
            Topic = "T", Body = body, BornHost = host, StoreHost = host, QueueOffset = offset,
            SysFlag = body.Length == 1 && type == CompressionType.Zlib ? 0 : MessageSysFlag.Compressed | ((int)type << 8),
        }.Encode();
    }

    private sealed class Doubling : IMessageDecompressor
    {
        public CompressionType Type => CompressionType.Zstd;

        public ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> compressed) => new byte[compressed.Length * 2];
    }
}
