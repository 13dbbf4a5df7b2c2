using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Connections;

/// <summary>Answers a request that came in on a connection; null means that no answer is sent.</summary>
public delegate ValueTask<RemotingCommand?> RemotingRequestHandler(RemotingConnection connection, RemotingCommand request);

/// <summary>
/// One connection that carries frames both ways; clients and the embedded servers use the same. Requests are
/// multiplexed by opaque. A broken frame, an I/O error or the peer's close ends it and fails the requests waiting on
/// it, and only those. Thread-safe.
/// </summary>
public sealed partial class RemotingConnection : IAsyncDisposable
{
    /// <summary>
    /// So many may wait on a server that is silent: enough for all that a healthy one is sent before it answers the first, and
    /// few enough to fail together in a moment.
    /// </summary>
    internal const int ManyRequests = 256;

    private static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(200);

    // For a caller that got the connection just before it was retired.
    private static readonly TimeSpan RetiredLinger = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<int, IPendingRequest> _pending = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<Exception> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Stream _stream;
    private readonly RemotingOptions _options;
    private readonly RemotingRequestHandler? _handler;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly FrameSender _sender;
    private readonly LongFrame _long = new();
    private ITimer? _sweeper;
    private IPendingRequest? _unanswered;
    private IPendingRequest? _notTaken;
    private Task _receiving = Task.CompletedTask;
    private long _lastActivity;
    private long _lastRead;
    private long _reads;
    private long _passedUntil;
    private int _passing;
    private int _waiting;
    private long _waitingSince;
    private int _nextOpaque;
    private volatile bool _retired;
    private volatile bool _hasServed;

    /// <summary>Takes over an open stream; <see cref="Start"/> begins to read.</summary>
    /// <param name="stream">The transport; disposed with the connection.</param>
    /// <param name="remoteAddress">The other side, for errors and logs.</param>
    /// <param name="options">Limits and time-outs.</param>
    /// <param name="handler">Answers requests of the other side; without one they get REQUEST_CODE_NOT_SUPPORTED.</param>
    /// <param name="timeProvider">The clock of request time-outs and idleness.</param>
    /// <param name="logger">Where closes and handler failures are told.</param>
    public RemotingConnection(
        Stream stream,
        string remoteAddress,
        RemotingOptions options,
        RemotingRequestHandler? handler,
        TimeProvider timeProvider,
        ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(timeProvider);
        _stream = stream;
        RemoteAddress = remoteAddress;
        _options = options;
        _handler = handler;
        _time = timeProvider;
        _logger = logger;
        _sender = new FrameSender(stream, options.SendBufferLimit, Close);
        _lastRead = _lastActivity = timeProvider.GetTimestamp();
    }

    /// <summary>The other side, <c>host:port</c>.</summary>
    public string RemoteAddress { get; }

    /// <summary>Completes with the reason when the connection has ended; never faults.</summary>
    public Task<Exception> Closed => _closed.Task;

    /// <summary>Whether new requests may be sent: open, and not told to go away.</summary>
    public bool IsUsable => !_closed.Task.IsCompleted && !_retired;

    /// <summary>Whether nothing waits for an answer, and it was not told to go away already.</summary>
    internal bool IsIdle => !_retired && _pending.IsEmpty;

    /// <summary>Whether a whole frame has come: only then does somebody serve at the other side.</summary>
    internal bool HasServed => _hasServed;

    /// <summary>Whether it was given up because the other side answered nothing, or took nothing. Told before the end is.</summary>
    internal bool EndsInSilence { get; private set; }

    /// <summary>Whether nothing has come for that long, and a request has been waiting for that long.</summary>
    internal bool WaitsInSilence(TimeSpan silence) => _time.GetElapsedTime(Volatile.Read(ref _lastRead)) >= silence
        && _pending.Any(waiting => _time.GetElapsedTime(waiting.Value.StartedAt) >= silence);

    /// <summary>
    /// Whether many requests wait, and since the first of them nothing has come for that long. Pulls are meant to wait and do
    /// not count.
    /// </summary>
    internal bool IsBackedUp(TimeSpan silence) => Volatile.Read(ref _waiting) >= ManyRequests
        && _time.GetElapsedTime(Math.Max(Volatile.Read(ref _lastRead), Volatile.Read(ref _waitingSince))) >= silence;

    /// <summary>Anything the owner wants to keep with the connection, such as a broker's view of the client.</summary>
    public object? State { get; set; }

    /// <summary>
    /// Whether nothing is read while more than the limit waits to be sent: who does not read his
    /// answers gets no more made. For servers only; two that did so might wait for each other.
    /// </summary>
    internal bool WaitsForReader { get; init; }

    /// <summary>How frames that go out are written; null: as they say themselves, which for a response is as its request was.</summary>
    internal SerializeType? Writes { get; init; }

    /// <summary>Begins to read frames. Call once.</summary>
    public void Start()
    {
        // What the loop raises and answers must not run as if whoever needed the connection first had asked for it.
        _sweeper = OutOfContext.Start(() => _time.CreateTimer(
            static self => ((RemotingConnection)self!).SweepSafely(), this, SweepPeriod, SweepPeriod));
        _receiving = OutOfContext.Start(() => Task.Run(ReceiveAsync));
    }

    /// <summary>Sends a request and waits for its answer, whatever its code.</summary>
    /// <exception cref="RocketMQTimeoutException">No answer within <paramref name="timeout"/>.</exception>
    /// <exception cref="RocketMQNetworkException">The connection is, or was meanwhile, closed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled by the caller; a late answer is dropped.</exception>
    public async Task<RemotingCommand> InvokeAsync(RemotingCommand request, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        cancellationToken.ThrowIfCancellationRequested();
        request.Opaque = Interlocked.Increment(ref _nextOpaque);
        var pending = new PendingRequest(request.Code, _time.GetTimestamp(), timeout, Volatile.Read(ref _reads), _sender.Progress);
        var counts = timeout <= _options.RequestTimeout;
        if (counts && Interlocked.Increment(ref _waiting) == 1)
        {
            Volatile.Write(ref _waitingSince, pending.StartedAt);
        }

        Expect(request.Opaque, pending);
        var cancellation = cancellationToken.UnsafeRegister(
            static (state, token) => ((PendingRequest)state!).TrySetCanceled(token), pending);
        try
        {
            if (_closed.Task.IsCompleted)
            {
                throw NotConnected();
            }

            // Waiting for room in the buffer counts as waiting for the answer: time-out, cancellation and close end it.
            while (!pending.Task.IsCompleted && !(pending.IsSent = _sender.TrySend(request)))
            {
                await Task.WhenAny(pending.Task, _sender.Room).ConfigureAwait(false);
            }

            return await pending.Task.ConfigureAwait(false);
        }
        finally
        {
            // Not waited for: all it can do is to cancel what has ended.
            cancellation.Unregister();
            _pending.TryRemove(request.Opaque, out _);
            if (counts)
            {
                Interlocked.Decrement(ref _waiting);
            }
        }
    }

    /// <summary>Sends a frame for which no answer comes: a one-way request, or a response.</summary>
    /// <exception cref="RocketMQNetworkException">The connection is closed.</exception>
    public ValueTask SendAsync(RemotingCommand command, CancellationToken cancellationToken = default)
        => SendAsync(command, Timeout.InfiniteTimeSpan, cancellationToken);

    /// <exception cref="TimeoutException">There was no room in the buffer for so long; the frame is not sent.</exception>
    /// <inheritdoc cref="SendAsync(RemotingCommand,CancellationToken)"/>
    internal ValueTask SendAsync(RemotingCommand command, TimeSpan timeout, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (_closed.Task.IsCompleted)
        {
            throw NotConnected();
        }

        if (!command.IsResponse)
        {
            command.Opaque = Interlocked.Increment(ref _nextOpaque);
        }

        command.SerializeType = Writes ?? command.SerializeType;
        Volatile.Write(ref _lastActivity, _time.GetTimestamp());
        return _sender.TrySend(command) ? ValueTask.CompletedTask : new(SendWhenRoomAsync(command, timeout, cancellationToken));
    }

    /// <summary>No new requests go out here, those waiting may still be answered, then it is closed; used after GO_AWAY.</summary>
    public void Retire()
    {
        Volatile.Write(ref _lastActivity, _time.GetTimestamp());
        _retired = true;
    }

    /// <summary>Ends the connection for the given reason, failing what waits on it. Safe to call more than once.</summary>
    public void Close(Exception reason)
    {
        if (!_closed.TrySetResult(reason))
        {
            return;
        }

        Log.ConnectionClosed(_logger, RemoteAddress, reason.Message);
        try
        {
            _closing.Cancel();
            _sweeper?.Dispose();
            _stream.Dispose();
            _sender.Abort(reason);
        }
        catch (Exception exception)
        {
            // A stream need not end well; who waits must learn of the end all the same.
            Log.ClosedBadly(_logger, RemoteAddress, exception);
        }

        foreach (var (opaque, pending) in _pending)
        {
            if (TryTake(opaque, pending))
            {
                pending.TrySetException(LostWith(pending.Code, reason));
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Close(new RocketMQNetworkException($"The connection to {RemoteAddress} was closed by its owner."));
        // Its cancellation source is left to the collector: whoever else has begun to close may be about to cancel it.
        await _receiving.ConfigureAwait(false);
    }

    private async Task SendWhenRoomAsync(RemotingCommand command, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        do
        {
            var left = timeout - _time.GetElapsedTime(start);
            await _sender.Room.WaitAsync(
                timeout == Timeout.InfiniteTimeSpan ? timeout : left > TimeSpan.Zero ? left : TimeSpan.Zero,
                _time,
                cancellationToken).ConfigureAwait(false);
        }
        while (!_sender.TrySend(command));
    }

    private RocketMQNetworkException NotConnected()
        => new($"The connection to {RemoteAddress} is closed: {_closed.Task.Result.Message}", _closed.Task.Result);

    private Exception LostWith(int code, Exception reason) => reason is FrameFormatException
        ? reason
        : new RocketMQNetworkException(
            $"The connection to {RemoteAddress} ended before it answered request {RequestCodes.NameOf(code)}: {reason.Message}",
            reason);

    private sealed class PendingRequest(int code, long startedAt, TimeSpan timeout, long reads, long progress)
        : TaskCompletionSource<RemotingCommand>(TaskCreationOptions.RunContinuationsAsynchronously), IPendingRequest
    {
        public int Code { get; } = code;

        public long StartedAt { get; } = startedAt;

        public TimeSpan Timeout { get; } = timeout;

        public long Reads { get; } = reads;

        public long Progress { get; } = progress;

        public bool IsSent { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "Connection to {Address} closed: {Reason}")]
        public static partial void ConnectionClosed(ILogger logger, string address, string reason);

        [LoggerMessage(71, LogLevel.Warning, "The connection to {Address} did not close well")]
        public static partial void ClosedBadly(ILogger logger, string address, Exception exception);

        [LoggerMessage(2, LogLevel.Error, "Corrupt frame from {Address}; the connection is closed")]
        public static partial void CorruptFrame(ILogger logger, string address, Exception exception);

        [LoggerMessage(3, LogLevel.Warning, "Request {Code} of {Address} could not be handled")]
        public static partial void HandlerFailed(ILogger logger, int code, string address, Exception exception);

        [LoggerMessage(62, LogLevel.Error, "The time-outs of the connection to {Address} could not be looked after; it is tried again")]
        public static partial void SweepFailed(ILogger logger, string address, Exception exception);

        [LoggerMessage(4, LogLevel.Debug, "The answer to request {Code} of {Address} could not be sent: {Reason}")]
        public static partial void AnswerNotSent(ILogger logger, int code, string address, string reason);
    }
}
