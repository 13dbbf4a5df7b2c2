using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Ownership;

/// <summary>How long a fence bears what it cannot know.</summary>
/// <param name="Membership">How old an answer about the membership may be; zero: as old as it is.</param>
/// <param name="Stall">How long a process may stand still and still be sure that nobody has declared it dead.</param>
internal readonly record struct FenceTimes(TimeSpan Membership, TimeSpan Stall);

/// <summary>
/// Knows whether this process may still believe that its queues are its own. It may not once the cluster has declared it dead,
/// nor when it has not been able to read the cluster's membership for too long, nor when it stood still for so long that others
/// may have declared it dead meanwhile. Then nothing is pulled, handed to listeners or committed until the membership could be
/// read and still counts this process in. Thread-safe.
/// </summary>
/// <param name="membership">The cluster's word.</param>
/// <param name="times">What it bears.</param>
/// <param name="runtime">What it runs on.</param>
/// <param name="logger">The log.</param>
internal sealed partial class OwnershipFence(
    IMembership membership, FenceTimes times, EngineRuntime runtime, ILogger logger) : IFence, IAsyncDisposable
{
    private static readonly TimeSpan LongestTick = TimeSpan.FromSeconds(1);

    // How long a reading may take when no setting says how old an answer may be.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly TimeProvider _time = runtime.Time;
    private Task _watching = Task.CompletedTask;
    private Task _confirming = Task.CompletedTask;
    private TaskCompletionSource? _opening;
    private long _lastTick = runtime.Time.GetTimestamp();
    private long _confirmed = runtime.Time.GetTimestamp();
    private long _noticed;
    private volatile bool _stoodStill;
    private volatile bool _isDead;
    private bool _wasClosed;
    private volatile bool _isStarted;

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
    private bool BearsSilence => times.Membership == TimeSpan.Zero;

    public void Start()
    {
        lock (_gate)
        {
            _lastTick = _confirmed = _time.GetTimestamp();
        }

        // Several times within what may be missed, so that one late tick does not look like a standstill.
        TimeSpan[] often = [LongestTick, BearsSilence ? LongestTick : times.Membership / 4, times.Stall / 4];
        var timer = new PeriodicTimer(often.Min(), _time);
        _watching = runtime.Scheduler.Start(() => WatchAsync(timer));
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

            await Waits.OrCancelAsync(opening, cancellationToken);
        }
    }

    /// <summary>Looks no more. May be called again: by the silo when it leaves, by its services when they end.</summary>
    public ValueTask DisposeAsync() => new(runtime.Scheduler.Run(async () =>
    {
        await runtime.Scheduler.CancelAsync(_stopping);
        // One that has failed was told of by the health of the process; the silo leaves all the same.
        await Task.WhenAny(_watching);
        _ = _watching.Exception;
        await Task.WhenAny(_confirming);
    }));

    private async Task WatchAsync(PeriodicTimer timer)
    {
        using var ticks = timer;
        try
        {
            while (await ticks.WaitForNextTickAsync(_stopping.Token))
            {
                try
                {
                    Look();
                }
                catch (Exception exception)
                {
                    // The next tick looks again. Without a look the fence would close for ever.
                    Log.LookFailed(logger, exception);
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
            if (_time.GetElapsedTime(_lastTick, now) > times.Stall)
            {
                (_stoodStill, _noticed) = (true, now);
            }

            Volatile.Write(ref _lastTick, now);
            confirms = _stoodStill || (!BearsSilence && _time.GetElapsedTime(_confirmed, now) > times.Membership / 4);
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
            using var tooLate = new CancellationTokenSource(BearsSilence ? Patience : times.Membership, _time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, tooLate.Token);
            await membership.ReadAsync(limit.Token);
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
                Log.NotConfirmed(logger, exception.Message);
            }
        }

        Tell();
    }

    private void NoteWhetherDead()
    {
        if (membership.IsDead)
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
                    Log.Opens(logger);
                }
                else
                {
                    Log.Closes(logger, reason);
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
                Log.NotHeard(logger, exception);
            }
        }
    }

    /// <summary>Why nothing may be done; null when all is well.</summary>
    private string? Reason(long now)
        => _isDead ? "the cluster has declared this silo dead"
        : _time.GetElapsedTime(Volatile.Read(ref _lastTick), now) > times.Stall || _stoodStill
            ? "this process stood still for so long that the cluster may have declared it dead"
        : !BearsSilence && _time.GetElapsedTime(Volatile.Read(ref _confirmed), now) > times.Membership
            ? "the cluster's membership could not be read"
        : null;

    private static partial class Log
    {
        [LoggerMessage(
            231,
            LogLevel.Error,
            "All queues of this silo are paused and nothing is committed, since {Reason}; they go on once the membership can be read "
            + "and counts this silo in")]
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
