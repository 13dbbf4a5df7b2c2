using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>A server that answers frames on loopback TCP as a test tells it to, knowing nothing of connections' own code.</summary>
internal sealed class ScriptedPeer : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly ConcurrentQueue<PeerConnection> _connections = new();
    private readonly Task _accepting;

    public ScriptedPeer(int port = 0)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>What to do with a request; by default it stays unanswered.</summary>
    public Func<PeerConnection, RemotingCommand, Task> OnRequest { get; set; } = static (_, _) => Task.CompletedTask;

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    public IReadOnlyCollection<PeerConnection> Connections => _connections;

    public ConcurrentQueue<RemotingCommand> Received { get; } = new();

    /// <summary>A port of which nobody listens.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Answers every request with what a function makes of it; null leaves it unanswered.</summary>
    public static ScriptedPeer Answering(Func<RemotingCommand, RemotingCommand?> answer, int port = 0)
        => new(port) { OnRequest = async (connection, request) =>
        {
            if (answer(request) is { } response)
            {
                await connection.SendAsync(response);
            }
        } };

    public IEnumerable<RemotingCommand> ReceivedOf(int code) => Received.Where(request => request.Code == code);

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        foreach (var connection in _connections)
        {
            connection.Dispose();
        }

        await _accepting;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptSocketAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }

            var connection = new PeerConnection(socket);
            _connections.Enqueue(connection);
            _ = Task.Run(() => connection.ReadAsync(this));
        }
    }
}

internal sealed class PeerConnection(Socket socket) : IDisposable
{
    private readonly NetworkStream _stream = new(socket, ownsSocket: true);
    private readonly SemaphoreSlim _writing = new(1, 1);

    public ConcurrentQueue<RemotingCommand> Responses { get; } = new();

    public bool ClosedByOther { get; private set; }

    public Task SendAsync(RemotingCommand command) => SendRawAsync(Frames.Encode(command));

    public Task AnswerAsync(RemotingCommand request, int code = ResponseCodes.Success, string? remark = null, byte[]? body = null)
        => SendAsync(RemotingCommand.Response(request, code, remark, body));

    public async Task SendRawAsync(byte[] bytes)
    {
        await _writing.WaitAsync();
        try
        {
            await _stream.WriteAsync(bytes);
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Close() => _stream.Dispose();

    public void Dispose()
    {
        Close();
        _writing.Dispose();
    }

    public async Task ReadAsync(ScriptedPeer peer)
    {
        var reader = PipeReader.Create(_stream);
        try
        {
            while (true)
            {
                var result = await reader.ReadAsync();
                var buffer = result.Buffer;
                while (FrameReader.TryRead(ref buffer, FrameReader.DefaultMaxFrameLength, out var command))
                {
                    if (command!.IsResponse)
                    {
                        Responses.Enqueue(command);
                        continue;
                    }

                    peer.Received.Enqueue(command);
                    await peer.OnRequest(this, command);
                }

                reader.AdvanceTo(buffer.Start, buffer.End);
                if (result.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Closed by one side or the other.
        }

        ClosedByOther = true;
    }
}
