using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>
/// A listening socket and the connections that came in on it. May be stopped and started again; a port that was
/// chosen by the system is kept. Mirrors <c>NettyRemotingServer</c>.
/// </summary>
internal sealed partial class ServerEndpoint(
    string name,
    FaultServers kind,
    IPEndPoint listenOn,
    RequestTable requests,
    FaultInjection faults,
    TimeProvider time,
    ILogger logger,
    ServerSecurity? security = null,
    string? countedAs = null,
    SerializeType writes = SerializeType.Json,
    int maxFrameLength = FrameReader.DefaultMaxFrameLength)
{
    private const int Backlog = 512;
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(100);

    // A client that vanishes without closing is noticed after the idle time; RocketMQ's servers have the same 120 s. The
    // limit is what a client that does not read its answers can make a server hold, beside one answer.
    private readonly RemotingOptions _connectionOptions = new() { SendBufferLimit = 4 * 1024 * 1024, MaxFrameLength = maxFrameLength };

    private readonly ConcurrentDictionary<ClientPeer, Task> _peers = new();
    private readonly ConcurrentDictionary<Socket, Task> _handshakes = new();
    private CancellationTokenSource _stopping = new();
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;
    private int _port = listenOn.Port;

    /// <summary>Raised when a connection has ended.</summary>
    public event Action<ClientPeer>? PeerClosed;

    /// <summary>The port listened on; 0 before the first start if any free one is wanted.</summary>
    public int Port => _port;

    public bool IsRunning => _listener is not null;

    public int ConnectionCount => _peers.Count;

    /// <summary>From now on somebody else answers.</summary>
    public void Serve(RequestTable table) => requests = table;

    /// <exception cref="RocketMQNetworkException">The port is taken.</exception>
    public void Start()
    {
        var listener = new Socket(listenOn.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(new IPEndPoint(listenOn.Address, _port));
            listener.Listen(Backlog);
        }
        catch (SocketException exception)
        {
            listener.Dispose();
            throw new RocketMQNetworkException($"The {name} cannot listen on {listenOn.Address}:{_port}: {exception.Message}", exception);
        }

        _port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        _stopping = new();
        _listener = listener;
        _accepting = AcceptAsync(listener);
    }

    /// <summary>Stops listening and closes every connection.</summary>
    public async Task StopAsync()
    {
        var listener = Interlocked.Exchange(ref _listener, null);
        if (listener is null)
        {
            return;
        }

        listener.Dispose();
        await _accepting.ConfigureAwait(false);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_handshakes.Values).ConfigureAwait(false);
        CloseConnections();
        await Task.WhenAll(_peers.Values).ConfigureAwait(false);
    }

    /// <summary>Closes every connection; new ones are welcome.</summary>
    public void CloseConnections()
    {
        foreach (var peer in _peers.Keys)
        {
            peer.Connection.Close(new RocketMQNetworkException($"The {name} closed the connection."));
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        await Task.Yield();
        while (true)
        {
            Socket? socket = null;
            try
            {
                socket = await listener.AcceptAsync().ConfigureAwait(false);
                Welcome(socket);
            }
            catch (Exception exception)
            {
                // Whatever it was: without this loop the server would be deaf.
                if (_listener != listener)
                {
                    socket?.Dispose();
                    return;
                }

                Log.AcceptFailed(logger, name, exception.Message);
                if (socket is not null)
                {
                    // Its client has gone again; the next one need not wait.
                    socket.Dispose();
                    continue;
                }

                // Without free file handles the next try would fail at once as well.
                await Task.Delay(PauseAfterFailure).ConfigureAwait(false);
            }
        }
    }

    private void Welcome(Socket socket)
    {
        if (faults.RefusesConnection(kind, name))
        {
            // Lingering for no time makes the close a reset.
            socket.LingerState = new LingerOption(true, 0);
            socket.Dispose();
            return;
        }

        socket.NoDelay = true;
        if (socket.RemoteEndPoint is not IPEndPoint remote)
        {
            socket.Dispose();
            return;
        }

        if (security?.Gate is not { } gate)
        {
            Serve(new NetworkStream(socket, ownsSocket: true), remote);
            return;
        }

        // Whoever accepts must not wait for what a client says first.
        var watch = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _handshakes[socket] = watch.Task;
        _ = OpenAsync(gate, socket, remote, watch, _stopping.Token);
    }

    private async Task OpenAsync(TlsGate gate, Socket socket, IPEndPoint remote, TaskCompletionSource watch, CancellationToken stopping)
    {
        try
        {
            Serve(await gate.OpenAsync(socket, stopping).ConfigureAwait(false), remote);
        }
        catch (Exception exception)
        {
            Log.NotWelcome(logger, name, remote, exception.Message);
        }
        finally
        {
            _handshakes.TryRemove(socket, out _);
            watch.SetResult();
        }
    }

    private void Serve(Stream stream, IPEndPoint remote)
    {
        var peer = new ClientPeer(stream, remote);

        // The system's clock: a test that turns the broker's clock forward must not thereby make its connections idle.
        var connection = new RemotingConnection(
            stream,
            new HostAndPort(remote.Address.ToString(), remote.Port).ToString(),
            _connectionOptions,
            HandleAsync,
            TimeProvider.System,
            logger)
        {
            State = peer,
            WaitsForReader = true,
            Writes = writes,
        };
        peer.Connection = connection;
        var watch = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _peers[peer] = watch.Task;
        connection.Start();
        _ = WatchAsync(peer, watch);
    }

    private async Task WatchAsync(ClientPeer peer, TaskCompletionSource watch)
    {
        try
        {
            await peer.Connection.Closed.ConfigureAwait(false);
            EachHandler.Raise(PeerClosed, peer, exception => Log.NotForgotten(logger, name, peer.Address, exception));
            await peer.Connection.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _peers.TryRemove(peer, out _);
            watch.SetResult();
        }
    }

    private ValueTask<RemotingCommand?> HandleAsync(RemotingConnection connection, RemotingCommand request)
    {
        var peer = (ClientPeer)connection.State!;
        faults.Count(countedAs ?? name, request.Code);
        if (faults.HasAny && faults.Take(kind, new FaultTarget(name, peer.Address, peer.ClientId, request)) is { } fault)
        {
            return FailAsync(fault, peer, request);
        }

        return requests.HandleAsync(peer, request);
    }

    private async ValueTask<RemotingCommand?> FailAsync(Fault fault, ClientPeer peer, RemotingCommand request)
    {
        Log.FaultHappens(logger, fault.Kind, name, request.Code, peer.Address);
        switch (fault.Kind)
        {
            case FaultKind.Answer:
                return RemotingCommand.Response(request, fault.ResponseCode, fault.Remark);

            case FaultKind.Delay:
                await Task.Delay(fault.DelayTime, time).ConfigureAwait(false);
                return await requests.HandleAsync(peer, request).ConfigureAwait(false);

            case FaultKind.TruncateAnswer:
                await SendHalfAsync(peer, await requests.HandleAsync(peer, request).ConfigureAwait(false)).ConfigureAwait(false);
                break;

            default:
                if (fault.HandleFirst)
                {
                    await requests.HandleAsync(peer, request).ConfigureAwait(false);
                }

                if (fault.Kind == FaultKind.NoAnswer)
                {
                    return null;
                }

                break;
        }

        peer.Connection.Close(new RocketMQNetworkException("Closed by an injected fault."));
        return null;
    }

    private static async Task SendHalfAsync(ClientPeer peer, RemotingCommand? response)
    {
        if (response is null)
        {
            return;
        }

        var frame = new ArrayBufferWriter<byte>();
        FrameWriter.Write(frame, response);
        await peer.Stream.WriteAsync(frame.WrittenMemory[..(frame.WrittenCount / 2)]).ConfigureAwait(false);
    }

    private static partial class Log
    {
        [LoggerMessage(110, LogLevel.Warning, "The {Server} could not accept a connection: {Reason}")]
        public static partial void AcceptFailed(ILogger logger, string server, string reason);

        [LoggerMessage(112, LogLevel.Warning, "The {Server} closed the connection of {Address}: {Reason}")]
        public static partial void NotWelcome(ILogger logger, string server, IPEndPoint address, string reason);

        [LoggerMessage(171, LogLevel.Error, "The {Server} could not forget {Address}, which has gone")]
        public static partial void NotForgotten(ILogger logger, string server, string address, Exception exception);

        [LoggerMessage(111, LogLevel.Debug, "Fault {Kind} at the {Server}: request {Code} of {Address}")]
        public static partial void FaultHappens(ILogger logger, FaultKind kind, string server, int code, string address);
    }
}
