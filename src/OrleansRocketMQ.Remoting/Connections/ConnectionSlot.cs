using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Connections;

/// <summary>The place of the one connection to an address: opens it, waits longer after each failure, opens it again when lost.</summary>
internal sealed partial class ConnectionSlot(
    string address,
    RemotingOptions options,
    TlsHandshake? tls,
    RemotingRequestHandler handler,
    Action<string> onOpened,
    TimeProvider time,
    ILogger logger) : IAsyncDisposable
{
    // Told at once when it is none, and then no slot comes to be.
    private readonly EndPoint _endPoint = HostAndPort.Parse(address).ToEndPoint();
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _gate = new();
    private readonly List<RemotingConnection> _retired = [];
    private Task<RemotingConnection>? _current;
    private int _failures;

    public ValueTask<RemotingConnection> GetAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        Task<RemotingConnection> current;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            current = _current is { IsCompleted: false } or { IsCompletedSuccessfully: true, Result.IsUsable: true }
                ? _current
                : _current = Replace(_current);
        }

        return current.IsCompletedSuccessfully ? new(current.Result) : new(WaitForAsync(current, timeout, cancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        Task<RemotingConnection>? current;
        List<RemotingConnection> retired;
        lock (_gate)
        {
            _disposing.Cancel();
            current = _current;
            retired = _retired;
        }

        foreach (var connection in retired)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }

        if (current is null)
        {
            return;
        }

        try
        {
            await (await current.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
        catch (RocketMQNetworkException exception)
        {
            Log.NeverOpened(logger, address, exception.Message);
        }
    }

    private async Task<RemotingConnection> WaitForAsync(Task<RemotingConnection> current, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            return await current.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            throw new RocketMQNetworkException($"No connection to {address} within {timeout.TotalMilliseconds:0} ms.", exception);
        }
    }

    // A connection told to go away lives until its last request is answered.
    private Task<RemotingConnection> Replace(Task<RemotingConnection>? previous)
    {
        _retired.RemoveAll(static connection => connection.Closed.IsCompleted);
        if (previous is { IsCompletedSuccessfully: true, Result: { Closed.IsCompleted: false } connection })
        {
            _retired.Add(connection);
        }

        return OpenAsync();
    }

    // Runs to its end even when the caller that began it gives up: others wait for the same connection.
    private async Task<RemotingConnection> OpenAsync()
    {
        // Never inline: the caller holds the gate.
        await Task.Yield();
        try
        {
            if (_failures > 0)
            {
                await Task.Delay(Backoff.Next(_failures, options.ReconnectBackoff, options.MaxReconnectBackoff), time, _disposing.Token).ConfigureAwait(false);
            }

            using var expiry = new CancellationTokenSource(options.ConnectTimeout, time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_disposing.Token, expiry.Token);
            var stream = await ConnectAsync(limit.Token).ConfigureAwait(false);
            var connection = new RemotingConnection(stream, address, options, handler, time, logger);
            connection.Start();
            _failures = 0;
            onOpened(address);
            return connection;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            _failures++;
            var reason = exception is OperationCanceledException ? $"no connection within {options.ConnectTimeout.TotalMilliseconds:0} ms" : exception.Message;
            throw new RocketMQNetworkException($"Cannot connect to {address}: {reason}", exception);
        }
        catch (TlsException)
        {
            _failures++;
            throw;
        }
    }

    private async Task<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            TcpLiveness.Watch(socket);
            await socket.ConnectAsync(_endPoint, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        var plain = new NetworkStream(socket, ownsSocket: true);
        return tls is null ? plain : await tls.EncryptAsync(plain, address, cancellationToken).ConfigureAwait(false);
    }

    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Debug, "The connection to {Address} was closed before it was open: {Reason}")]
        public static partial void NeverOpened(ILogger logger, string address, string reason);
    }
}
