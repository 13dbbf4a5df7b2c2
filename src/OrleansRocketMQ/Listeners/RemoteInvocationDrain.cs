using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// Runs that listener grains of this silo have for queues of other silos: those of keys, mostly, and of queues that have
/// moved. A silo that stops begins
/// no more of them and lets them end while it can still answer. Later Orleans drops what grains answer, and who asked
/// would have to take the messages for not consumed. Thread-safe.
/// </summary>
internal sealed partial class RemoteInvocationDrain(TimeProvider time, ILogger<RemoteInvocationDrain> logger)
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private bool _closed;

    /// <summary>Whether no run may begin any more.</summary>
    public bool IsClosed
    {
        get
        {
            lock (_gate)
            {
                return _closed;
            }
        }
    }

    /// <summary>Whether a run may begin; each that does goes on with <see cref="EndAfter"/>.</summary>
    public bool TryBegin()
    {
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            _running++;
            return true;
        }
    }

    /// <summary>Ends a run that has begun when its work does.</summary>
    public ValueTask<T> EndAfter<T>(ValueTask<T> work)
    {
        if (!work.IsCompleted)
        {
            return new(WaitAsync(work.AsTask()));
        }

        End();
        return work;

        // In the grain's turn, as the work itself.
        async Task<T> WaitAsync(Task<T> running)
        {
            try
            {
                return await running.ConfigureAwait(true);
            }
            finally
            {
                End();
            }
        }
    }

    private void End()
    {
        lock (_gate)
        {
            if (--_running == 0 && _closed)
            {
                _ended.TrySetResult();
            }
        }
    }

    /// <summary>Lets no run begin any more, and waits within the deadline for those under way.</summary>
    public async Task CloseAsync(StopDeadline deadline)
    {
        lock (_gate)
        {
            _closed = true;
            if (_running == 0)
            {
                _ended.TrySetResult();
            }
        }

        var budget = deadline.ForListeners;
        try
        {
            await _ended.Task.WaitAsync(budget, time, deadline.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            Log.LeftBehind(logger, Volatile.Read(ref _running), budget);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            106,
            LogLevel.Warning,
            "{Count} listener calls for queues of other silos have not ended after {Budget}; their messages may come again there")]
        public static partial void LeftBehind(ILogger logger, int count, TimeSpan budget);
    }
}
