using System.Runtime.CompilerServices;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// Watches how full a queue's window is: lets the pump wait until there is room for a pull, and its owner until nothing is
/// in work. Room is a matter of the queue (messages, bytes, span, pause) and of the budgets it shares with others; a
/// queue that holds nothing may always pull, whatever the others hold. Woken by progress, so nobody polls. Thread-safe.
/// </summary>
internal sealed class PullFlowController
{
    /// <summary>What brokers and Java's client take for one pull (<c>pullBatchSizeInBytes</c>); a larger message comes alone.</summary>
    private const long BytesPerPull = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly ConsumerOptions _options;
    private readonly DispatchBuffer _runs;
    private readonly QuotaWaiter[] _tickets;
    private readonly TimeProvider _time;
    private readonly bool _limitsSpan;
    private TaskCompletionSource? _progress;
    private int _waits;

    public PullFlowController(ConsumerOptions options, DispatchBuffer runs, QueueQuotas budgets, TimeProvider time, bool limitsSpan = true)
    {
        _time = time;
        _options = options;
        _runs = runs;
        _limitsSpan = limitsSpan;
        _tickets =
        [
            new(budgets.Topic, options.PullBatchSize, OnProgress),
            new(budgets.TopicBytes, BytesPerPull, OnProgress),
            new(budgets.Group, options.PullBatchSize, OnProgress),
            new(budgets.SiloBytes, BytesPerPull, OnProgress),
        ];
    }

    /// <summary>How many wait. A queue waits for one thing at a time, and while it ends for one more.</summary>
    public int Waits => Volatile.Read(ref _waits);

    /// <summary>Messages the next pull may bring.</summary>
    public int MessagesPerPull => Math.Clamp(_options.MaxCachedMessagesPerQueue - _runs.Window.Count, 1, _options.PullBatchSize);

    /// <summary>Bytes the next pull may bring; the broker gives one message more than that if there is not even room for one.</summary>
    public int MaxBytesPerPull => (int)Math.Clamp(_options.MaxCachedBytesPerQueue - _runs.Window.Bytes, 1, BytesPerPull);

    /// <summary>Some messages are done, or something else has changed that a waiter may wait for.</summary>
    public void OnProgress()
    {
        // The usual case: nobody waits. A waiter looks again after it has put its source here, so none is missed.
        if (Volatile.Read(ref _progress) is null)
        {
            return;
        }

        lock (_gate)
        {
            _progress?.TrySetResult();
            _progress = null;
        }
    }

    /// <summary>
    /// Waits until the next pull fits; the queue counts as having pulled then. Or until something else is wanted of it,
    /// which <see cref="OnProgress"/> must follow.
    /// </summary>
    /// <returns>Whether the pull fits.</returns>
    public async ValueTask<bool> WaitForRoomAsync(Func<bool> somethingElse, CancellationToken cancellationToken)
    {
        try
        {
            if (!MayPull() && !await WaitUntilMayPullAsync(somethingElse, cancellationToken))
            {
                return false;
            }

            LeaveLines(pulls: true);
            return true;
        }
        finally
        {
            LeaveLines(pulls: false);
        }
    }

    /// <summary>
    /// Waits until something is so, at most that long. Whatever makes it so is followed by <see cref="OnProgress"/>. Leaves no
    /// waiter behind.
    /// </summary>
    /// <returns>Whether it is so.</returns>
    public async Task<bool> WaitAsync(Func<bool> condition, TimeSpan? most, CancellationToken cancellationToken)
    {
        if (most is not { } limit)
        {
            await WaitAsync(condition, isOver: null, cancellationToken);
            return true;
        }

        var over = new StrongBox<bool>();
        using var timer = _time.CreateTimer(
            _ =>
            {
                Volatile.Write(ref over.Value, true);
                OnProgress();
            },
            null,
            limit > TimeSpan.Zero ? limit : TimeSpan.Zero,
            Timeout.InfiniteTimeSpan);
        return await WaitAsync(condition, over, cancellationToken);
    }

    /// <summary>Waits until no listener has a message of the queue; false when cancelled before.</summary>
    public async Task<bool> WaitUntilIdleAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WaitAsync(() => _runs.InFlight == 0, isOver: null, cancellationToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<bool> WaitUntilMayPullAsync(Func<bool> somethingElse, CancellationToken cancellationToken)
    {
        var mayPull = false;
        await WaitAsync(() => somethingElse() || (mayPull = MayPull()), isOver: null, cancellationToken);
        return mayPull;
    }

    private bool MayPull()
    {
        var window = _runs.Window;
        var held = window.Count;
        if (_runs.Gate.IsShut
            || held >= Math.Min(_options.PullThresholdForQueue, _options.MaxCachedMessagesPerQueue)
            || window.Bytes >= Math.Min(_options.PullThresholdBytesForQueue, _options.MaxCachedBytesPerQueue)
            || (_limitsSpan && window.Span >= _options.ConsumeMaxSpan))
        {
            // Its turn, if it has one, is for those who can use it.
            LeaveLines(pulls: false);
            return false;
        }

        if (held == 0)
        {
            return true;
        }

        for (var index = 0; index < _tickets.Length; index++)
        {
            if (!_tickets[index].Budget.TryAcquire(_tickets[index]))
            {
                Lend(_tickets.AsSpan(0, index));
                return false;
            }
        }

        return true;
    }

    /// <summary>What the queue was called for and cannot use before its turn comes elsewhere is for those behind it meanwhile.</summary>
    private static void Lend(ReadOnlySpan<QuotaWaiter> called)
    {
        foreach (var ticket in called)
        {
            ticket.Budget.Lend(ticket);
        }
    }

    private void LeaveLines(bool pulls)
    {
        foreach (var ticket in _tickets)
        {
            ticket.Budget.Return(ticket, pulls);
        }
    }

    // Cancelling and the end of time wake as progress does, so that whoever waits goes on by its own scheduler.
    private async Task<bool> WaitAsync(Func<bool> condition, StrongBox<bool>? isOver, CancellationToken cancellationToken)
    {
        using var cancelled = cancellationToken.UnsafeRegister(static waits => ((PullFlowController)waits!).OnProgress(), this);
        Interlocked.Increment(ref _waits);
        try
        {
            while (true)
            {
                Task progress;
                lock (_gate)
                {
                    progress = (_progress ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                }

                Interlocked.MemoryBarrier();
                if (condition())
                {
                    return true;
                }

                cancellationToken.ThrowIfCancellationRequested();
                if (isOver is not null && Volatile.Read(ref isOver.Value))
                {
                    return false;
                }

                await progress;
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waits);
        }
    }
}
