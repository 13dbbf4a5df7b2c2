using System.Buffers;
using System.Net.Sockets;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

[Collection(MemoryCollection.Name)]
public class BackPressureTests
{
    private const int Pulls = 1_500;

    [Fact]
    public async Task A_client_that_does_not_read_its_answers_costs_bounded_memory_and_hinders_nobody()
    {
        await using var test = await TestBroker.StartAsync();
        var other = await test.ConnectAsync();
        for (var i = 0; i < 5; i++)
        {
            await other.SendBytesAsync("orders", new byte[50_000]);
        }

        var before = Memory.Live();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(HostAndPort.Parse(test.Broker.Address).ToEndPoint());
        await using var stream = new NetworkStream(socket);
        var asking = Task.Run(async () => await stream.WriteAsync(Requests()));

        // Either all were looked at, which is wrong, or what is looked at comes to a stop while the other one is served.
        await Eventually.TrueAsync(() => Seen(test) > 16);
        var seen = -1L;
        while (seen != Seen(test))
        {
            seen = Seen(test);
            for (var i = 0; i < 50; i++)
            {
                (await other.SendAsync("news", "x")).Succeeded();
            }
        }

        // 371 MiB without back-pressure. The limit is 4 MiB a connection; what sockets hold is not in the heap. What tests before
        // this one have left may still be given back meanwhile.
        var grown = Memory.Live() - before;
        Assert.True(grown < 32 * Memory.MiB, $"a client that does not read holds {grown / Memory.MiB} MiB");
        Assert.InRange(seen, 1, Pulls / 4);

        // Nothing is lost by waiting: once it reads it gets all its answers.
        await AssertAnswersAsync(stream);
        await asking.WithinDeadline();
        Assert.Equal(Pulls, Seen(test));
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_answers_can_be_got_rid_of()
    {
        await using var test = await TestBroker.StartAsync();
        var other = await test.ConnectAsync();
        for (var i = 0; i < 5; i++)
        {
            await other.SendBytesAsync("orders", new byte[50_000]);
        }

        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(HostAndPort.Parse(test.Broker.Address).ToEndPoint());
        await using var stream = new NetworkStream(socket);
        var asking = Task.Run(async () => await stream.WriteAsync(Requests()));
        await Eventually.TrueAsync(() => Seen(test) > 16);

        await test.Broker.StopAsync().WithinDeadline();
        Assert.Equal(0, test.Broker.ConnectionCount);
        await Task.WhenAny(asking).WithinDeadline();
    }

    [Fact]
    public async Task Clients_that_are_gone_before_they_are_welcomed_keep_nobody_out()
    {
        await using var test = await TestBroker.StartAsync();
        for (var i = 0; i < 50; i++)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
            await socket.ConnectAsync(HostAndPort.Parse(test.Broker.Address).ToEndPoint());
            socket.Dispose();
        }

        (await (await test.ConnectAsync()).SendAsync("orders", "x")).Succeeded();
        await Eventually.TrueAsync(() => test.Broker.ConnectionCount == 1);
    }

    private static long Seen(TestBroker test) => test.RocketMQ.Faults.RequestsSeen(RequestCodes.PullMessage);

    private static ReadOnlyMemory<byte> Requests()
    {
        var frames = new ArrayBufferWriter<byte>();
        for (var i = 0; i < Pulls; i++)
        {
            var request = TestClient.Request(
                RequestCodes.PullMessage,
                [
                    ("consumerGroup", "g"), ("topic", "orders"), ("queueId", 0), ("queueOffset", 0), ("maxMsgNums", 32), ("sysFlag", (int)PullSysFlag.Subscription),
                    ("commitOffset", 0), ("suspendTimeoutMillis", 0), ("subscription", "*"), ("subVersion", 0), ("expressionType", "TAG"), ("maxMsgBytes", 262144),
                ]);
            request.Opaque = i;
            FrameWriter.Write(frames, request);
        }

        return frames.WrittenMemory;
    }

    private static async Task AssertAnswersAsync(Stream stream)
    {
        var length = new byte[4];
        var body = new byte[400_000];
        for (var i = 0; i < Pulls; i++)
        {
            await stream.ReadExactlyAsync(length).AsTask().WithinDeadline();
            var size = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(length);
            Assert.InRange(size, 250_000, body.Length);
            await stream.ReadExactlyAsync(body.AsMemory(0, size)).AsTask().WithinDeadline();
        }
    }
}
