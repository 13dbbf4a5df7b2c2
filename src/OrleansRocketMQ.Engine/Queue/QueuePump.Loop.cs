using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>The loop of a queue: carries out what the queue's state says, and tells the state what came of it.</summary>
internal sealed partial class QueuePump
{
    private int _tellsDoubt;

    private async Task PumpAsync()
    {
        while (!State.IsStopping)
        {
            try
            {
                NotePause();
                NoteLock();
                var state = State;
                if (state.Task == QueueTask.Pull)
                {
                    await PullNextAsync();
                }
                else
                {
                    await CarryOutAsync(state);
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested || !_ownership.IsValid)
            {
                // The next round sees which of them it is.
            }
            catch (Exception exception)
            {
                _pulled.Clear();
                _brokerId = BrokerData.MasterId;
                _environment.Routes.Doubt(Queue.Topic, exception);
                _askFailed = true;
                _commits.LookAgain();
                var failed = _retry.Failed(exception);
                Raise(failed);
                if (failed == QueueEventKind.FailedTooOften && State.IsHalted)
                {
                    _retry.Halts();
                }
            }
        }
    }

    private Task CarryOutAsync(QueueState state) => state.Task switch
    {
        QueueTask.WaitForLock => TakeLockAsync(),
        QueueTask.FindOffset => BeginAsync(state),
        QueueTask.WaitForResume => WaitPausedAsync(state),
        QueueTask.WaitForFence => WaitForFenceAsync(),
        QueueTask.CompareWithStore => CompareWithStoreAsync(state),
        QueueTask.StoreOffset => StoreMoveAsync(state.Move!),
        QueueTask.WaitForListeners => ArriveAsync(state),
        QueueTask.WaitForRetry => WaitForRetryAsync(state),
        QueueTask.WaitForRecovery => WaitForRecoveryAsync(state),
        _ => Task.CompletedTask,
    };

    /// <summary>Tells the state what has happened, and does what follows at once.</summary>
    private QueueActions Raise(QueueEvent happened, QueueState? onlyIn = null)
    {
        var actions = _states.Raise(happened, onlyIn);
        CarryOut(actions);
        return actions;
    }

    private void CarryOut(QueueActions actions)
    {
        if (actions.HasFlag(QueueActions.CloseHandOut))
        {
            Runs.Close();
        }

        if (actions.HasFlag(QueueActions.BreakOffPull))
        {
            RestartPull();
        }

        _pullFlow.OnProgress();
        if (actions.HasFlag(QueueActions.OpenHandOut))
        {
            _environment.Dispatcher.Signal(this);
        }
    }

    /// <summary>What dispatchers see of the state, from one state to the next.</summary>
    private void OnState(QueueState state)
    {
        if (state.Move is { IsStored: true })
        {
            Runs.Hold();
        }

        Runs.Gate.Fence(closed: !state.IsCertain);
    }

    // Also looked at before each step: a setting may have changed before anybody knew this queue.
    private void NotePause()
    {
        if (Runs.Gate.IsPaused != State.IsPauseWanted)
        {
            Raise(Runs.Gate.IsPaused ? QueueEventKind.Paused : QueueEventKind.Resumed);
        }
    }

    // Its end shows in the clock before its timer has fired.
    private void NoteLock()
    {
        if (State.HasLock && !_ownership.IsValid)
        {
            Raise(QueueEventKind.LockLost);
        }
    }

    /// <summary>Waits until the state is another one, at most that long; the one wait of all states that wait for something.</summary>
    private Task<bool> WaitForNewsAsync(QueueState state, TimeSpan? most = null)
        => _pullFlow.WaitAsync(() => !ReferenceEquals(State, state), most, _ownership.Pulling);

    /// <summary>
    /// Waits for the queue's lock. Whatever was pulled without it, or under an earlier one, is forgotten: another member
    /// may have gone on, so the offset is read from the broker again.
    /// </summary>
    private async Task TakeLockAsync()
    {
        if (_commits.HasUnstoredMove)
        {
            // The broker has said so once, and only this member knows: the queue goes on there, whoever has it meanwhile.
            Raise(QueueEvent.BrokerReset(_commits.Committed));
        }

        await _commits.ForgetAsync(
            () =>
            {
                Volatile.Write(ref _nextOffset, -1);
                Runs.Restart(new ProcessQueue(0, _holdings));
            },
            _stopping.Token);
        _environment.Dispatcher.Signal(this);
        if (_ownership.Number > 0)
        {
            Statistics.Metrics?.LockLost();
        }

        var hold = await _lock!.WaitAsync(_stopping.Token);
        var ownership = _ownership.Next(hold, _stopping.Token, _abandon.Token);
        Volatile.Write(ref _ownership, ownership);
        Raise(QueueEventKind.LockGained);
        hold.Lost.UnsafeRegister(
            _ =>
            {
                if (ReferenceEquals(Ownership, ownership))
                {
                    Raise(QueueEventKind.LockLost);
                }
            },
            null);
    }

    private async Task BeginAsync(QueueState state)
    {
        var window = await _startPosition.FirstWindowAsync(MasterAddress(), _ownership, _holdings);
        if (!ReferenceEquals(State, state))
        {
            // If the fence was closed meanwhile, another member may have gone on after the store was read: asked again.
            return;
        }

        var offset = window.Watermark;
        if (_startPosition.Arrival is { HasUnstoredReset: true, Progress: { } demanded }
            && _ownership.Number <= 1 && demanded.Watermark == offset)
        {
            _commits.BeginUnstored(offset);
        }

        Runs.Restart(window);
        Volatile.Write(ref _nextOffset, offset);
        Raise(QueueEventKind.Positioned, onlyIn: state);
        if (!HasBegun)
        {
            return;
        }

        _startPosition.NoteBegun();
        Log.Begins(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, offset);
    }

    /// <summary>No pull tells how far the broker is; so that the lag is known all the same, it is asked from time to time.</summary>
    private async Task WaitPausedAsync(QueueState state)
    {
        try
        {
            Hear(await _environment.Brokers.GetMaxOffsetAsync(MasterAddress(), Queue, _ownership.Pulling));
        }
        catch (BrokerResponseException refused) when (refused.ResponseCode == ResponseCodes.NoPermission)
        {
            // To read is one right, to ask where a queue ends is another. Then the lag grows old, and nothing else.
        }

        await WaitForNewsAsync(state, Options.PersistInterval);
    }

    /// <summary>Nothing may be done until this silo is known to be one of the cluster.</summary>
    private async Task WaitForFenceAsync()
    {
        var before = _retry.LastError;
        _retry.LastError = new ConsumerStateException(
            Options.Group, "not sure to be part of the cluster", "go on with the queue before the membership is known");
        try
        {
            await _environment.Fence.WaitUntilOpenAsync(_ownership.Pulling);
        }
        finally
        {
            _retry.LastError = before;
        }

        Raise(QueueEventKind.FenceOpened);
        NoteFence();
    }

    /// <summary>
    /// Asked by whoever hands messages out, within its lock, and by whoever looks whether there are any. The state hears of it a
    /// moment later, so that the queue goes on by itself even when nobody else notices that the fence was closed.
    /// </summary>
    private bool IsInDoubt()
    {
        if (!_environment.Fence.IsClosed)
        {
            return false;
        }

        if (Interlocked.Exchange(ref _tellsDoubt, 1) == 0)
        {
            _runtime.Scheduler.Post(static pump => ((QueuePump)pump!).TellDoubt(), this);
        }

        return true;
    }

    private void TellDoubt()
    {
        Volatile.Write(ref _tellsDoubt, 0);
        Raise(QueueEventKind.FenceClosed);
    }

    // Whoever closed it may have come before the state heard that it was open.
    private bool NoteFence()
    {
        var isClosed = _environment.Fence.IsClosed;
        if (isClosed)
        {
            Raise(QueueEventKind.FenceClosed);
        }

        return isClosed;
    }

    /// <summary>Whether another member has gone on with the queue shows in the store.</summary>
    private async Task CompareWithStoreAsync(QueueState state)
    {
        var here = state.Move is { IsStored: true } move ? move.Offset : Runs.Window.Watermark;
        var known = await _commits.AskAsync(_ownership.Pulling);
        if (known is not { } stored || stored <= here || _commits.HasUnstoredMove)
        {
            Raise(QueueEventKind.Verified, onlyIn: state);
            return;
        }

        // An answer from before the fence was closed once more says nothing: then it is asked again.
        var before = State.Moves;
        Raise(QueueEvent.Overtaken(stored), onlyIn: state);
        if (State.Moves > before)
        {
            Log.OvertakenBehindFence(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, here, stored);
        }
    }

    private async Task WaitForRetryAsync(QueueState state)
    {
        if (_retry.TakeForgetful() is { } address)
        {
            // The broker has forgotten us, or was restarted: it must hear of the subscription before the next pull.
            var isTold = false;
            Track(TellAsync());
            bool IsOver() => Volatile.Read(ref isTold) || !ReferenceEquals(State, state);
            await _pullFlow.WaitAsync(IsOver, most: null, _ownership.Pulling);

            async Task TellAsync()
            {
                try
                {
                    await _environment.Brokers.HeartbeatToAsync(address, _stopping.Token);
                }
                catch (Exception)
                {
                    // The next pull is refused again, and tells why.
                }

                Volatile.Write(ref isTold, true);
                _pullFlow.OnProgress();
            }
        }

        if (!await WaitForNewsAsync(state, _retry.DueIn))
        {
            Raise(QueueEventKind.RetryDue, onlyIn: state);
        }
    }

    /// <summary>Pulls no more until somebody lets the queue go on. What it holds is consumed meanwhile.</summary>
    private async Task WaitForRecoveryAsync(QueueState state)
    {
        await WaitForNewsAsync(state);
        if (State is { IsHalted: false, IsStopping: false })
        {
            _retry.GoesOn();
        }
    }
}
