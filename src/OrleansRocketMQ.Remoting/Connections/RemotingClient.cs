using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// One connection to each server address, opened when first needed and again after it was lost, and shared by all
/// requests to that address. Mirrors <c>NettyRemotingClient</c>. Thread-safe.
/// </summary>
public sealed partial class RemotingClient : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ConnectionSlot> _slots = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<int, RemotingRequestHandler> _handlers = new();
    private readonly ILogger _logger;
    private int _disposed;

    /// <summary>Creates a client; it connects to nothing yet.</summary>
    /// <exception cref="RocketMQConfigurationException">
    /// A setting is out of range, or a file of <see cref="RemotingOptions.Tls"/> or
    /// <see cref="RemotingOptions.CredentialsFile"/> cannot be used.
    /// </exception>
    public RemotingClient(RemotingOptions options, TimeProvider timeProvider, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Options = options;
        Names = new ClientNamespace(options.Namespace);
        TimeProvider = timeProvider;
        Secrets = new ClientSecrets(options, logger);
        _logger = logger;
    }

    /// <summary>Raised when a connection to an address has been opened, the first time and each time again.</summary>
    public event Action<string>? ConnectionOpened;

    /// <summary>Limits and time-outs of all connections.</summary>
    public RemotingOptions Options { get; }

    /// <summary>How names are written on the wire.</summary>
    internal ClientNamespace Names { get; }

    /// <summary>What it proves itself with, and whom it trusts.</summary>
    internal ClientSecrets Secrets { get; }

    /// <summary>The clock of all time-outs.</summary>
    public TimeProvider TimeProvider { get; }

    /// <summary>Sets who answers requests with this code that servers send to us.</summary>
    public void Handle(int requestCode, RemotingRequestHandler handler) => _handlers[requestCode] = handler;

    /// <summary>Sends a request and waits for its answer, whatever its code.</summary>
    /// <param name="address">The server, <c>host:port</c>.</param>
    /// <param name="request">The request; belongs to the client from now on.</param>
    /// <param name="timeout">
    /// How long connecting and waiting may take together; null means <see cref="RemotingOptions.RequestTimeout"/>.
    /// </param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="RocketMQTimeoutException">No answer in time.</exception>
    /// <exception cref="RocketMQNetworkException">No connection, or it was lost.</exception>
    public Task<RemotingCommand> InvokeAsync(
        string address,
        RemotingCommand request,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
        => InvokeAsync(address, request, timeout ?? Options.RequestTimeout, mayResend: true, cancellationToken);

    /// <param name="address">The server, <c>host:port</c>.</param>
    /// <param name="request">The request; belongs to the client from now on.</param>
    /// <param name="limit">How long connecting and waiting may take together.</param>
    /// <param name="mayResend">Whether it goes once more where the server is about to leave; else that is the answer.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <inheritdoc cref="InvokeAsync(string,RemotingCommand,TimeSpan?,CancellationToken)"/>
    internal async Task<RemotingCommand> InvokeAsync(
        string address,
        RemotingCommand request,
        TimeSpan limit,
        bool mayResend,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        Prepare(request);
        for (; ; mayResend = false)
        {
            var start = TimeProvider.GetTimestamp();
            var connection = await ConnectAsync(address, limit, cancellationToken).ConfigureAwait(false);
            var left = limit - TimeProvider.GetElapsedTime(start);
            var response = await connection.InvokeAsync(
                request, left > TimeSpan.Zero ? left : TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
            if (response.Code != ResponseCodes.GoAway || !mayResend)
            {
                return response;
            }

            // The server is about to leave: what is under way may finish, this request goes once more over a new connection.
            connection.Retire();
        }
    }

    /// <summary>Sends a one-way request: nobody will tell whether it arrived.</summary>
    /// <exception cref="RocketMQNetworkException">No connection.</exception>
    /// <exception cref="RocketMQTimeoutException">
    /// The other side has not taken what was sent before for as long as <see cref="RemotingOptions.RequestTimeout"/>.
    /// </exception>
    public async ValueTask SendOneWayAsync(string address, RemotingCommand request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        Prepare(request);
        var connection = await ConnectAsync(address, Options.RequestTimeout, cancellationToken).ConfigureAwait(false);
        try
        {
            await connection.SendAsync(request, Options.RequestTimeout, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            throw new RocketMQTimeoutException(
                $"{address} takes nothing: request {RequestCodes.NameOf(request.Code)} still waits to be sent after "
                    + $"{Options.RequestTimeout.TotalMilliseconds:0} ms.",
                exception);
        }
    }

    /// <summary>Closes the connection to an address, if there is one; the next request opens it again.</summary>
    public async ValueTask CloseAsync(string address)
    {
        if (_slots.TryRemove(address, out var slot))
        {
            await slot.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        foreach (var address in _slots.Keys)
        {
            await CloseAsync(address).ConfigureAwait(false);
        }
    }

    /// <summary>The addresses that something was sent to, and that are not forgotten yet.</summary>
    internal ICollection<string> Addresses => _slots.Keys;

    /// <summary>
    /// Opens the connections to these addresses anew, with the certificates of now, one after another; what waits on an old one
    /// is still answered there.
    /// </summary>
    /// <param name="addresses">The servers; one without a connection is passed over.</param>
    /// <param name="question">Makes what each server is asked over its new connection before that is used.</param>
    /// <returns>Those where that failed: there the old one goes on.</returns>
    internal async Task<IReadOnlyCollection<string>> ReplaceAsync(IEnumerable<string> addresses, Func<RemotingCommand> question)
    {
        var failed = new List<string>();
        foreach (var address in addresses)
        {
            var request = question();
            Prepare(request);
            if (_slots.TryGetValue(address, out var slot) && !await slot.TryReplaceAsync(request))
            {
                failed.Add(address);
            }
        }

        return failed;
    }

    /// <summary>
    /// Forgets the servers that nobody names any more, or each address ever seen would be kept for ever. What still waits at
    /// one is waited for: call it again and again.
    /// </summary>
    internal void ForgetExcept(IReadOnlySet<string> named)
    {
        foreach (var slot in _slots.Where(slot => !named.Contains(slot.Key) && slot.Value.TryForget()))
        {
            _slots.TryRemove(slot);
        }
    }

    /// <summary>Whether an address could not be reached when it was last tried, and is not tried again yet.</summary>
    internal bool IsFailing(string address) => _slots.TryGetValue(address, out var slot) && slot.IsFailing;

    /// <summary>The addresses whose connections have brought nothing for that long while requests wait on them.</summary>
    internal IEnumerable<string> WaitingInSilence(TimeSpan silence)
        => _slots.Where(slot => slot.Value.WaitsInSilence(silence)).Select(slot => slot.Key);

    /// <summary>The connection to an address when it is there and may be used as it is; else somebody has to wait or is refused.</summary>
    internal RemotingConnection? OpenConnection(string address)
        => _slots.TryGetValue(address, out var slot) ? slot.OpenConnection : null;

    /// <summary>
    /// Which server an address leads to, also where it has a host's name; null while nobody has been connected with it.
    /// </summary>
    internal IPEndPoint? EndPointOf(string address) => _slots.TryGetValue(address, out var slot) ? slot.EndPoint : null;

    /// <summary>The frame of a request that is to be sent often with other numbers; null: it is to be written as a whole.</summary>
    internal RequestTemplate? TemplateOf(RemotingCommand request, ReadOnlySpan<string> numbers)
    {
        var credentials = Secrets.Credentials;
        Prepare(request, credentials);
        return RequestTemplate.Of(request, numbers, credentials?.SecretKey);
    }

    /// <summary>Puts in what goes with every request of this client, and signs it.</summary>
    internal void Prepare(RemotingCommand request) => Prepare(request, Secrets.Credentials);

    private void Prepare(RemotingCommand request, AclCredentials? credentials)
    {
        Names.WrapFields(request);
        if (!string.IsNullOrEmpty(Options.NamespaceV2))
        {
            request.Set("nsd", true).Set("ns", Options.NamespaceV2);
        }

        // A code that does not fit the binary header goes as JSON whatever the setting.
        if (Options.SerializeType == SerializeType.RocketMQ && request.Code is >= short.MinValue and <= short.MaxValue)
        {
            request.SerializeType = SerializeType.RocketMQ;
        }

        // Last, for it covers everything else.
        if (credentials is not null)
        {
            AclSigner.Sign(request, credentials);
        }
    }

    private ValueTask<RemotingConnection> ConnectAsync(string address, TimeSpan timeout, CancellationToken cancellationToken)
    {
        while (true)
        {
            var slot = Slot(address);
            if (slot.TryGet(timeout, cancellationToken, out var connection))
            {
                return connection;
            }

            _slots.TryRemove(new(address, slot));
        }
    }

    private ConnectionSlot Slot(string address)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        var slot = _slots.GetOrAdd(
            address,
            static (key, self) => new ConnectionSlot(
                key, self.Options, self.Secrets, self.AnswerAsync, self.RaiseConnectionOpened, self.TimeProvider, self._logger),
            this);
        if (Volatile.Read(ref _disposed) != 0)
        {
            // Added behind the back of the disposal, which closes none that come later.
            _ = CloseAsync(address).AsTask();
            throw new ObjectDisposedException(GetType().FullName);
        }

        return slot;
    }

    // The connection is good; who only wants to hear of it must not spoil it for those who wait for it.
    private void RaiseConnectionOpened(string address)
        => EachHandler.Raise(ConnectionOpened, address, exception => Log.OpenedHandlerFailed(_logger, address, exception));

    private ValueTask<RemotingCommand?> AnswerAsync(RemotingConnection connection, RemotingCommand request)
    {
        Names.UnwrapFields(request);
        return _handlers.TryGetValue(request.Code, out var handler)
            ? handler(connection, request)
            : new(RemotingCommand.Response(request, ResponseCodes.RequestCodeNotSupported, $"request code {request.Code} not supported"));
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Error, "A handler of the opened connection to {Address} failed")]
        public static partial void OpenedHandlerFailed(ILogger logger, string address, Exception exception);
    }
}
