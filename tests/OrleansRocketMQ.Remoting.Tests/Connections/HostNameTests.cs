using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

/// <summary>A server is named by a host that stands for several addresses, as a service with a pod each.</summary>
public sealed class HostNameTests : IAsyncLifetime
{
    private static readonly IPAddress Swallowing = IPAddress.Parse("127.0.0.77");
    private static readonly IPAddress Refusing = IPAddress.Parse("127.0.0.78");

    private readonly ScriptedPeer _peer = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success));

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _peer.DisposeAsync();

    [Fact]
    public async Task An_address_that_swallows_everything_does_not_keep_the_next_one_from_being_reached()
    {
        await using var hole = await BlackHole.DigAsync(Swallowing, _peer.Port);
        await using var client = NewClient([Swallowing, IPAddress.Loopback]);

        var answer = await client.InvokeAsync($"namesrv:{_peer.Port}", RemotingCommand.Request(RequestCodes.HeartBeat), Eventually.Deadline).InTime();

        Assert.Equal(ResponseCodes.Success, answer.Code);
        Assert.Single(_peer.Connections);
    }

    [Fact]
    public async Task Addresses_that_refuse_are_passed_over_at_once()
    {
        await using var client = NewClient([Refusing, Refusing, Refusing, IPAddress.Loopback]);

        await client.InvokeAsync($"namesrv:{_peer.Port}", RemotingCommand.Request(RequestCodes.HeartBeat), Eventually.Deadline).InTime();

        Assert.Single(_peer.Connections);
    }

    [Fact]
    public async Task Which_server_a_name_leads_to_is_known_once_it_has_answered()
    {
        await using var client = NewClient([Refusing, IPAddress.Loopback]);
        Assert.Null(client.EndPointOf($"namesrv:{_peer.Port}"));

        await client.InvokeAsync($"namesrv:{_peer.Port}", RemotingCommand.Request(RequestCodes.HeartBeat), Eventually.Deadline).InTime();

        Assert.Equal(new IPEndPoint(IPAddress.Loopback, _peer.Port), client.EndPointOf($"namesrv:{_peer.Port}"));
    }

    [Fact]
    public async Task A_name_whose_addresses_all_refuse_is_told_with_the_reason_and_asked_for_again()
    {
        var answers = new Queue<IPAddress[]>([[Refusing, Refusing], [], [IPAddress.Loopback]]);
        await using var client = NewClient(answers.Dequeue);

        foreach (var _ in Enumerable.Range(0, 2))
        {
            var error = await Assert.ThrowsAsync<RocketMQNetworkException>(AskAsync);
            Assert.Contains($"namesrv:{_peer.Port}", error.Message, StringComparison.Ordinal);
        }

        await AskAsync();

        // The slot is left alone for a moment after each failure.
        async Task AskAsync()
        {
            var left = answers.Count;
            while (true)
            {
                try
                {
                    await client.InvokeAsync($"namesrv:{_peer.Port}", RemotingCommand.Request(RequestCodes.HeartBeat), Eventually.Deadline).InTime();
                    return;
                }
                catch (RocketMQNetworkException) when (answers.Count == left)
                {
                    await Task.Yield();
                }
            }
        }
    }

    private static RemotingClient NewClient(IPAddress[] addresses) => NewClient(() => addresses);

    private static RemotingClient NewClient(Func<IPAddress[]> resolve) => new(
        new RemotingOptions
        {
            ConnectTimeout = Eventually.Deadline,
            ReconnectBackoff = TimeSpan.FromMilliseconds(1),
            MaxReconnectBackoff = TimeSpan.FromMilliseconds(1),
            Resolve = (_, _) => Task.FromResult(resolve()),
        },
        TimeProvider.System,
        new TestLog());

    /// <summary>An address at which connections are neither made nor refused: its queue of those that wait to be accepted is full.</summary>
    private sealed class BlackHole : IAsyncDisposable
    {
        private readonly List<Socket> _sockets = [];

        public static async Task<BlackHole> DigAsync(IPAddress address, int port)
        {
            var hole = new BlackHole();
            var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            hole._sockets.Add(listener);
            listener.Bind(new IPEndPoint(address, port));
            listener.Listen(0);
            while (true)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                hole._sockets.Add(socket);
                using var enough = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
                try
                {
                    await socket.ConnectAsync(address, port, enough.Token);
                }
                catch (OperationCanceledException)
                {
                    return hole;
                }
            }
        }

        public ValueTask DisposeAsync()
        {
            _sockets.ForEach(socket => socket.Dispose());
            return ValueTask.CompletedTask;
        }
    }
}
