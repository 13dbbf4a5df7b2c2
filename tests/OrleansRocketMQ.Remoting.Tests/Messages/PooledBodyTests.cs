using System.Buffers;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Messages;

/// <summary>Answers in arrays of a pool: they go back once, and nobody reads them afterwards.</summary>
public sealed class PooledBodyTests
{
    private static readonly IPEndPoint Host = new(IPAddress.Loopback, 10911);

    private readonly CountingPool _pool = new();

    [Fact]
    public void The_array_goes_back_with_the_last_who_holds_it_and_only_then()
    {
        var body = Pooled(Record(0));
        Assert.True(body.TryHold());
        body.Release();
        Assert.Equal(1, _pool.Out);
        Assert.Equal(Record(0), body.Memory.ToArray());

        body.Release();
        Assert.Equal(0, _pool.Out);
        Assert.False(body.TryHold());
        Assert.Throws<InvalidOperationException>(body.Release);
    }

    [Fact]
    public void Whoever_reads_it_afterwards_is_told_also_by_a_slice_that_was_kept()
    {
        var body = Pooled(Record(0));
        var message = Assert.Single(MessageDecoder.DecodeAll(body.Memory, "b"));
        var kept = message.GuardedBody;
        Assert.Equal("body 0", Encoding.UTF8.GetString(kept.Span));

        body.Release();

        Assert.Contains("ToOwned", Assert.Throws<ObjectDisposedException>(() => kept.Span.Length).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => kept.ToArray());
        Assert.Throws<ObjectDisposedException>(() => message.Body);
        Assert.Throws<ObjectDisposedException>(() => message.QueueOffset);
        Assert.Throws<ObjectDisposedException>(() => message.Keys);
        Assert.Throws<ObjectDisposedException>(() => body.Memory);
        Assert.Throws<ObjectDisposedException>(() => body.Pin());
    }

    [Fact]
    public void A_copy_stays_and_says_the_same()
    {
        var body = Pooled([.. Record(4), .. Record(5)]);
        var message = MessageDecoder.DecodeAll(body.Memory, "b")[1];
        var owned = message.WithTopic("other").Owned();
        body.Release();

        Assert.Equal(("other", "b", 5L, "key 5", "body 5"), (owned.Topic, owned.BrokerName, owned.QueueOffset, owned.Keys, Encoding.UTF8.GetString(owned.Body.Span)));
        Assert.Equal(Record(5), owned.Record.ToArray());
        Assert.Null(owned.Pooled);
        Assert.Same(owned, owned.Owned());
    }

    [Fact]
    public void Bodies_that_were_decompressed_are_their_messages_own()
    {
        var body = Pooled(Record(0, compressed: true));
        var message = Assert.Single(MessageDecoder.DecodeAll(body.Memory, "b"));
        var kept = message.GuardedBody;
        body.Release();
        Assert.Equal("body 0", Encoding.UTF8.GetString(kept.Span));
    }

    [Fact]
    public async Task Only_a_pull_that_asks_for_it_is_answered_out_of_the_pool()
    {
        await using var peer = new ScriptedPeer { OnRequest = (connection, request) => connection.SendAsync(
            RemotingCommand.Response(request, ResponseCodes.Success, body: Record(request.GetInt64("queueOffset")))
                .Set("nextBeginOffset", 1).Set("minOffset", 0).Set("maxOffset", 9).Set("suggestWhichBrokerId", 0)) };
        await using var remoting = new RemotingClient(new RemotingOptions { BodyPool = _pool }, TimeProvider.System, NullLogger.Instance);
        var brokers = new BrokerClient(remoting);
        var request = new PullRequest("g", new MessageQueue("T", "b", 0), 0);

        // The first one opens the connection.
        for (var offset = 0; offset < 3; offset++)
        {
            var owned = await brokers.PullAsync(peer.Address, request with { Offset = offset }).InTime();
            Assert.Null(PooledBody.Of(owned.Records));
        }

        for (var offset = 0; offset < 3; offset++)
        {
            var result = await brokers.PullAsync(peer.Address, request with { Offset = offset, Pooled = true }).InTime();
            var messages = new List<MessageExt>();
            result.Decode(messages, "b");
            Assert.Equal($"body {offset}", Encoding.UTF8.GetString(Assert.Single(messages).Body.Span));
            Assert.Equal((offset + 1, 1), (_pool.Rented, _pool.Out));
            PooledBody.Of(result.Records)!.Release();
            Assert.Equal(0, _pool.Out);
        }
    }

    private static byte[] Record(long offset, bool compressed = false)
    {
        var body = Encoding.UTF8.GetBytes($"body {offset}");
        return new StoredMessage
        {
            Topic = "T",
            Body = compressed ? ZlibDecompressor.Compress(body) : body,
            SysFlag = compressed ? MessageSysFlag.Compressed | ((int)CompressionType.Zlib << 8) : 0,
            QueueOffset = offset,
            BornHost = Host,
            StoreHost = Host,
            Properties = MessageProperties.Encode([new("KEYS", $"key {offset}")]),
        }.Encode();
    }

    private PooledBody Pooled(byte[] bytes) => PooledBody.Copy(new ReadOnlySequence<byte>(bytes), _pool);
}
