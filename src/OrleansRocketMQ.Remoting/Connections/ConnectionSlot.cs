using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// The place of the one connection to an address: opens it, and again when lost. After a failure it is left alone for a
/// while, longer each time; who asks meanwhile is refused at once and may turn to another server.
/// </summary>
internal sealed partial class ConnectionSlot(
    string address,
    RemotingOptions options,
    ClientSecrets secrets,
    RemotingRequestHandler handler,
    Action<string> onOpened,
    TimeProvider time,
    ILogger logger) : IAsyncDisposable
{
    // Told at once when it is none, and then no slot comes to be.
    private readonly HostAndPort _server = HostAndPort.Parse(address);
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _gate = new();
    private readonly List<RemotingConnection> _retired = [];
    private Task<RemotingConnection>? _current;
    private RemotingConnection? _judged;
    private RocketMQException? _lastFailure;
    private long _failedAt;
    private TimeSpan _pause;
    private int _failures;
    private bool _forgotten;

    // The connection before this one was given up because the server was silent.
    private bool _followsSilence;
    private int _waiting;

    /// <summary>The connection, opened when there is none.</summary>
    /// <returns>False when the slot was forgotten: there may be another one by now.</returns>
    /// <exception cref="RocketMQNetworkException">The server is silent, and many wait for it already.</exception>
    public bool TryGet(TimeSpan timeout, CancellationToken cancellationToken, out ValueTask<RemotingConnection> connection)
    {
        Task<RemotingConnection> current;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            if (_forgotten)
            {
                connection = default;
                return false;
            }

            current = _current is { IsCompleted: false } or { IsCompletedSuccessfully: true, Result.IsUsable: true }
                ? _current
                : _current = OutOfContext.Start(() => Replace(_current));
            if (IsSilent)
            {
                throw new RocketMQNetworkException(
                    $"{address} is silent and {RemotingConnection.ManyRequests} requests or more wait for it; "
                    + "no more are sent before it has answered one.");
            }
        }

        connection = current.IsCompletedSuccessfully ? new(current.Result) : new(WaitForAsync(current, timeout, cancellationToken));
        return true;
    }

    /// <summary>The connection when it is open and may be used; null: <see cref="TryGet"/> tells what is to be done.</summary>
    public RemotingConnection? OpenConnection
    {
        get
        {
            lock (_gate)
            {
                return _current is { IsCompletedSuccessfully: true, Result: { IsUsable: true } connection }
                    && !_disposing.IsCancellationRequested
                    && !IsSilent
                        ? connection
                        : null;
            }
        }
    }

    /// <summary>
    /// Nobody is to need the address any more. A connection on which nothing waits is left to end; a later call finds
    /// that it has.
    /// </summary>
    /// <returns>Whether nothing is left of it; who still comes gets another slot.</returns>
    public bool TryForget()
    {
        lock (_gate)
        {
            if (_current is { IsCompleted: false })
            {
                return false;
            }

            if (_current is { IsCompletedSuccessfully: true, Result: { Closed.IsCompleted: false } connection })
            {
                if (connection.IsIdle)
                {
                    connection.Retire();
                }

                return false;
            }

            return _forgotten = _retired.TrueForAll(static connection => connection.Closed.IsCompleted);
        }
    }

    /// <summary>Where the connection last went that could be opened: what the name in the address stands for.</summary>
    public IPEndPoint? EndPoint { get; private set; }

    /// <summary>Whether the last attempt failed and no other has succeeded since: other servers are the better choice.</summary>
    public bool IsFailing
    {
        get
        {
            lock (_gate)
            {
                return IsSilent || (_failures > 0 && (_current is { IsCompleted: false } || IsPausing));
            }
        }
    }

    /// <summary>See <see cref="RemotingConnection.WaitsInSilence"/>.</summary>
    public bool WaitsInSilence(TimeSpan silence)
        => Volatile.Read(ref _current) is { IsCompletedSuccessfully: true, Result: { IsUsable: true } connection }
            && connection.WaitsInSilence(silence);

    // A server that was silent must answer one request before it is given many. Brokers themselves refuse what has waited 200 ms.
    private bool IsSilent => _current switch
    {
        { IsCompletedSuccessfully: true, Result: var connection }
            => connection.IsBackedUp(_followsSilence && !connection.HasServed ? TimeSpan.Zero : options.RequestTimeout / 6),
        { IsCompleted: false } => _followsSilence && Volatile.Read(ref _waiting) >= RemotingConnection.ManyRequests,
        _ => false,
    };

    private bool IsPausing => _lastFailure is not null && time.GetElapsedTime(_failedAt) < _pause;

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
            await EndAsync(Task.FromResult(connection)).ConfigureAwait(false);
        }

        if (current is not null)
        {
            await EndAsync(current).ConfigureAwait(false);
        }
    }

    // Never throws: others are still to be closed.
    private async Task EndAsync(Task<RemotingConnection> opening)
    {
        try
        {
            await (await opening.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Log.NeverOpened(logger, address, exception.Message);
        }
    }

    private async Task<RemotingConnection> WaitForAsync(
        Task<RemotingConnection> current,
        TimeSpan timeout,
        CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _waiting);
        try
        {
            return await current.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            throw new RocketMQNetworkException($"No connection to {address} within {timeout.TotalMilliseconds:0} ms.", exception);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    // A connection told to go away lives until its last request is answered.
    private Task<RemotingConnection> Replace(Task<RemotingConnection>? previous)
    {
        Judge(previous);
        if (IsPausing)
        {
            // The same kind of error each time, so that callers treat it as the first one.
            return Task.FromException<RemotingConnection>(_lastFailure is TlsException
                ? _lastFailure
                : new RocketMQNetworkException(
                    $"{address} failed a moment ago and is not tried again yet: {_lastFailure!.Message}", _lastFailure));
        }

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
            var connection = await ConnectAsync();
            onOpened(address);
            return connection;
        }
        catch (RocketMQException exception)
        {
            Failed(exception);
            throw;
        }
        catch (Exception exception)
        {
            // Whatever TLS or the system throws: callers know how to deal with a connection that could not be made.
            var reason = exception is OperationCanceledException
                ? $"no connection within {options.ConnectTimeout.TotalMilliseconds:0} ms"
                : exception.Message;
            var failure = new RocketMQNetworkException($"Cannot connect to {address}: {reason}", exception);
            Failed(failure);
            throw failure;
        }
    }

    // Only a connection that brought a frame shows that somebody serves: load balancers without servers accept and close.
    private void Judge(Task<RemotingConnection>? previous)
    {
        if (previous is not { IsCompletedSuccessfully: true, Result: { } connection } || connection == _judged)
        {
            return;
        }

        _judged = connection;
        _followsSilence = connection.EndsInSilence;
        if (connection.HasServed)
        {
            _failures = 0;
            _lastFailure = null;
        }
        else if (connection.Closed.IsCompletedSuccessfully && ++_failures > 1)
        {
            // The first of them may have met a server that was just leaving.
            Pause(new RocketMQNetworkException(
                $"{address} closed the connection before it answered anything: {connection.Closed.Result.Message}"));
        }
    }

    private void Failed(RocketMQException reason)
    {
        lock (_gate)
        {
            _failures++;
            Pause(reason);
        }
    }

    private void Pause(RocketMQException reason)
    {
        _lastFailure = reason;
        _failedAt = time.GetTimestamp();
        _pause = Backoff.Next(_failures, options.ReconnectBackoff, options.MaxReconnectBackoff);
    }

    private async Task<RemotingConnection> ConnectAsync()
    {
        using var expiry = new CancellationTokenSource(options.ConnectTimeout, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_disposing.Token, expiry.Token);
        var stream = await OpenStreamAsync(limit.Token);
        var connection = new RemotingConnection(stream, address, options, handler, time, logger);
        connection.Start();
        return connection;
    }

    private async Task<RemotingConnection> ConnectAsync(RemotingCommand question)
    {
        var connection = await ConnectAsync();
        try
        {
            await connection.InvokeAsync(question, options.RequestTimeout, _disposing.Token);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task<Stream> OpenStreamAsync(CancellationToken cancellationToken)
    {
        if (options.Connect is { } connect)
        {
            return connect();
        }

        var socket = await HostConnection.OpenAsync(_server, options.Resolve, time, cancellationToken).ConfigureAwait(false);
        EndPoint = socket.RemoteEndPoint as IPEndPoint;
        var plain = new NetworkStream(socket, ownsSocket: true);
        return secrets.Tls is not { } tls
            ? plain
            : await tls.EncryptAsync(plain, address, _server.Host, cancellationToken).ConfigureAwait(false);
    }

    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Debug, "The connection to {Address} was closed before it was open: {Reason}")]
        public static partial void NeverOpened(ILogger logger, string address, string reason);
    }
}
