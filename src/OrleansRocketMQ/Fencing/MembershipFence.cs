using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Ports;

namespace OrleansRocketMQ.Fencing;

/// <summary>
/// Knows whether this silo may still believe that its queues are its own. It may not once Orleans has declared it dead,
/// nor when it has not been able to read the cluster's membership for <see cref="RocketMQOptions.MembershipTimeout"/>, nor
/// when its process stood still for so long that others may have declared it dead meanwhile. Then nothing is pulled,
/// handed to listeners or committed until the membership could be read and still counts this silo in. Thread-safe.
/// </summary>
internal sealed partial class MembershipFence : IFence, IAsyncDisposable
{
    private static readonly TimeSpan LongestTick = TimeSpan.FromSeconds(1);

    // However quickly others give a silo up: a busy machine is late by as much, now and then.
    private static readonly TimeSpan ShortestStall = TimeSpan.FromSeconds(2);

    // How long a reading may take when no setting says how old an answer may be.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly IClusterMembershipService _membership;
    private readonly SiloAddress _silo;
    private readonly TimeSpan _timeout;
    private readonly TimeSpan _stall;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private Task _watching = Task.CompletedTask;
    private Task _confirming = Task.CompletedTask;
    private TaskCompletionSource? _opening;
    private long _lastTick;
    private long _confirmed;
    private long _noticed;
    private volatile bool _stoodStill;
    private volatile bool _isDead;
    private bool _wasClosed;
    private volatile bool _isStarted;

    public MembershipFence(
        IClusterMembershipService membership,
        ILocalSiloDetails silo,
        IOptions<RocketMQOptions> options,
        IOptions<ClusterMembershipOptions> clusterOptions,
        TimeProvider time,
        ILogger<MembershipFence> logger)
    {
        _membership = membership;
        _silo = silo.SiloAddress;
        _timeout = options.Value.MembershipTimeout;
        _stall = StallOf(clusterOptions.Value);
        _time = time;
        _logger = logger;
        _lastTick = _confirmed = time.GetTimestamp();
    }

    /// <summary>The fence has closed (true) or opened; told one after the other.</summary>
    public event Action<bool>? Changed;

    /// <summary>
    /// Whether nothing may be done for the queues now. Looks at the clock, so that it is right even in the first instant after
    /// the process stood still.
    /// </summary>
    // Asked for every run of messages, also by those who hold locks: it takes none. Whoever sees a new tick sees what it showed.
    public bool IsClosed => Reason(_time.GetTimestamp()) is not null;

    /// <summary>Why nothing may be done now, in words; null when all is well.</summary>
    public string? WhyClosed
    {
        get
        {
            lock (_gate)
            {
                return Reason(_time.GetTimestamp());
            }
        }
    }

    /// <summary>Whether nobody looks any more although nobody has ended it: then it never opens again.</summary>
    public bool HasFailed => _watching.IsCompleted && _isStarted && !_stopping.IsCancellationRequested;

    /// <summary>Without a limit only the table's silence is borne for ever: death and a standstill still close the fence.</summary>
    private bool BearsSilence => _timeout == TimeSpan.Zero;

    /// <summary>
    /// How long a process may stand still and still be sure that nobody has declared it dead. Orleans adapts the time of a
    /// probe to each silo, down to <see cref="ClusterMembershipOptions.MinProbeTimeout"/>, and a silo must miss as many
    /// probes as the limit says before anybody votes against it.
    /// </summary>
    public static TimeSpan StallOf(ClusterMembershipOptions options)
    {
        var probe = options.MinProbeTimeout < options.ProbeTimeout ? options.MinProbeTimeout : options.ProbeTimeout;
        var stall = probe * options.NumMissedProbesLimit;
        return stall > ShortestStall ? stall : ShortestStall;
    }

    public void Start()
    {
        lock (_gate)
        {
            _lastTick = _confirmed = _time.GetTimestamp();
        }

        _watching = WatchAsync();
        _isStarted = true;
    }

    /// <summary>Ends when the fence is open.</summary>
    public async Task WaitUntilOpenAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task opening;
            lock (_gate)
            {
                if (Reason(_time.GetTimestamp()) is null)
                {
                    return;
                }

                opening = (_opening ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Looks no more. May be called again: by the silo when it leaves, by its services when they end.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        // One that has failed was told of by the health of the process; the silo leaves all the same.
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _confirming.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task WatchAsync()
    {
        // Several times within what may be missed, so that one late tick does not look like a standstill.
        TimeSpan[] often = [LongestTick, BearsSilence ? LongestTick : _timeout / 4, _stall / 4];
        using var timer = new PeriodicTimer(often.Min(), _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                try
                {
                    Look();
                }
                catch (Exception exception)
                {
                    // The next tick looks again. Without a look the fence would close for ever.
                    Log.LookFailed(_logger, exception);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The silo has stopped.
        }
    }

    private void Look()
    {
        bool confirms;
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            if (_time.GetElapsedTime(_lastTick, now) > _stall)
            {
                (_stoodStill, _noticed) = (true, now);
            }

            Volatile.Write(ref _lastTick, now);
            confirms = _stoodStill || (!BearsSilence && _time.GetElapsedTime(_confirmed, now) > _timeout / 4);
        }

        if (confirms && _confirming.IsCompleted)
        {
            _confirming = ConfirmAsync();
        }

        NoteWhetherDead();
        Tell();
    }

    private async Task ConfirmAsync()
    {
        var asked = _time.GetTimestamp();
        try
        {
            using var tooLate = new CancellationTokenSource(BearsSilence ? Patience : _timeout, _time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, tooLate.Token);

            // Orleans lets one who asks join a reading under way, and its answer may be from before the process stood still.
            // A second reading cannot have begun before the first had ended, so it is one of the time since it was asked.
            await _membership.Refresh(cancellationToken: limit.Token).ConfigureAwait(false);
            await _membership.Refresh(cancellationToken: limit.Token).ConfigureAwait(false);
            NoteWhetherDead();
            lock (_gate)
            {
                _confirmed = asked;
                // What was asked before the process stood still tells nothing of the time since; what stood still meanwhile and
                // was not looked at yet shows in the last tick.
                _stoodStill &= asked < _noticed;
            }
        }
        catch (Exception exception)
        {
            // The table is away, or so slow that its answer says nothing about now. The next tick asks again.
            if (!_stopping.IsCancellationRequested)
            {
                Log.NotConfirmed(_logger, exception.Message);
            }
        }

        Tell();
    }

    private void NoteWhetherDead()
    {
        if (_membership.CurrentSnapshot.GetSiloStatus(_silo) == SiloStatus.Dead)
        {
            lock (_gate)
            {
                _isDead = true;
            }
        }
    }

    private void Tell()
    {
        TaskCompletionSource? opening = null;
        lock (_gate)
        {
            var reason = Reason(_time.GetTimestamp());
            if (reason is null)
            {
                (opening, _opening) = (_opening, null);
            }

            if (_wasClosed != reason is not null)
            {
                _wasClosed = reason is not null;
                if (reason is null)
                {
                    Log.Opens(_logger);
                }
                else
                {
                    Log.Closes(_logger, reason);
                }

                // Within the lock, so that who listens hears it in order; it only sets flags.
                Announce(_wasClosed);
            }
        }

        opening?.TrySetResult();
    }

    private void Announce(bool closed)
    {
        foreach (var handler in Delegate.EnumerateInvocationList(Changed))
        {
            try
            {
                handler(closed);
            }
            catch (Exception exception)
            {
                // The others must hear it all the same.
                Log.NotHeard(_logger, exception);
            }
        }
    }

    /// <summary>Why nothing may be done; null when all is well.</summary>
    private string? Reason(long now)
        => _isDead ? "the cluster has declared this silo dead"
        : _time.GetElapsedTime(Volatile.Read(ref _lastTick), now) > _stall || _stoodStill ? "this process stood still for so long that the cluster may have declared it dead"
        : !BearsSilence && _time.GetElapsedTime(Volatile.Read(ref _confirmed), now) > _timeout ? "the cluster's membership could not be read"
        : null;

    private static partial class Log
    {
        [LoggerMessage(231, LogLevel.Error, "All queues of this silo are paused and nothing is committed, since {Reason}; they go on once the membership can be read and counts this silo in")]
        public static partial void Closes(ILogger logger, string reason);

        [LoggerMessage(232, LogLevel.Warning, "The queues of this silo go on: the cluster's membership counts it in")]
        public static partial void Opens(ILogger logger);

        [LoggerMessage(233, LogLevel.Warning, "The cluster's membership could not be read: {Reason}")]
        public static partial void NotConfirmed(ILogger logger, string reason);

        [LoggerMessage(236, LogLevel.Error, "One that is to hear that this silo's queues pause or go on has failed; the others were told")]
        public static partial void NotHeard(ILogger logger, Exception exception);

        [LoggerMessage(237, LogLevel.Error, "The watch over the cluster's membership has failed once; it looks again with the next tick")]
        public static partial void LookFailed(ILogger logger, Exception exception);
    }
}
