using System.Globalization;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Pop;

/// <summary>The loop of a queue that is popped: carries out what the state says.</summary>
internal sealed partial class PopPump
{
    /// <summary>What brokers give at once.</summary>
    private const int MostPerPop = 32;

    // Where one message takes long while many come and go, the window begins anew when nothing waits in it.
    private const int LongestWindow = 16 * 1024;

    // Beyond the time a broker may keep a pop waiting; more than a loaded one needs.
    private static readonly TimeSpan LongestOverdue = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(1);

    private int _fullAnswers;

    // Of the pop in order that is made next, or again, since it was not answered: messages it was given come with the second answer.
    private string? _attempt;
    private int _attempts;

    private async Task PopAsync()
    {
        while (!State.IsStopping)
        {
            try
            {
                NotePause();
                NoteFence();
                await CarryOutAsync(State);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                // The next round sees it.
            }
            catch (Exception exception)
            {
                _environment.Routes.Doubt(Queue.Topic, exception);
                var failed = _retry.Failed(exception);
                Raise(failed);
                if (failed == QueueEventKind.FailedTooOften)
                {
                    _retry.Halts();
                }
            }
        }
    }

    private Task CarryOutAsync(PopState state) => state.Phase switch
    {
        PopPhase.Placing => PlaceAsync(state),
        PopPhase.Popping => PopNextAsync(),
        PopPhase.Fenced => WaitForFenceAsync(),
        PopPhase.BackingOff => WaitForRetryAsync(state),
        PopPhase.Halted => WaitForRecoveryAsync(state),
        PopPhase.Paused => WaitForNewsAsync(state),
        _ => Task.CompletedTask,
    };

    /// <summary>
    /// Where a group begins that has nothing of a queue yet is its own word, as with pulls: a pop could only say first or last.
    /// Further shares of the queue wait for whoever has the queue itself. What a broker has demanded of a pull it says once: where
    /// the store has not taken it yet, the queue begins there.
    /// </summary>
    private async Task PlaceAsync(PopState state)
    {
        var master = _environment.MasterOf(Queue);
        if (UnstoredReset is not null)
        {
            await InTurnAsync(() => StoreResetAsync(master));
        }
        else if (await _environment.Offsets.ReadAsync(Source, OffsetReadMode.Store, _stopping.Token) is null)
        {
            if (QueueShare.IsFurther(Queue))
            {
                await WaitForNewsAsync(state, Options.RetryInterval);
                return;
            }

            var begin = await _environment.StartOffset.FindAsync(master, Source, _stopping.Token);
            await _environment.Brokers.UpdateConsumerOffsetAsync(master, Options.Group, Source, begin, _stopping.Token);
        }

        Raise(QueueEventKind.Positioned);
    }

    /// <summary>The broker is told of a demanded reset; by a pull's means where it resets no offsets itself.</summary>
    private async Task StoreResetAsync(string master)
    {
        if (UnstoredReset is not { } demanded)
        {
            // Somebody has sought meanwhile.
            return;
        }

        try
        {
            await _environment.Brokers.ResetOffsetAsync(master, Options.Group, Source, demanded, _stopping.Token);
        }
        catch (BrokerResponseException refused) when (refused.ResponseCode is not ResponseCodes.SystemBusy)
        {
            // Before 5.2, or told not to: it only passes resets on to members that pull.
            await _environment.Brokers.UpdateConsumerOffsetAsync(master, Options.Group, Source, demanded, _stopping.Token);
        }

        Volatile.Write(ref _unstoredReset, -1);
    }

    /// <summary>Of what the broker is told of the queue's offset the last word here must be the last there.</summary>
    private async Task InTurnAsync(Func<Task> tells)
    {
        await _offsetTurn.TakeAsync(_stopping.Token);
        try
        {
            await tells();
        }
        finally
        {
            _offsetTurn.Release();
        }
    }

    private async Task PopNextAsync()
    {
        if (!await WaitForRoomAsync())
        {
            return;
        }

        NameAttempt();
        var broker = _environment.Routes.FindAddress(Queue) ?? throw QueueEnvironment.NoBroker(Queue);
        _retry.Asks = broker.Address;
        var subscription = _subscription = _environment.Group.FindSubscription(Queue.Topic) ?? _subscription;
        var asked = _time.GetTimestamp();
        PopResult result;
        try
        {
            // Not given up at a stop: what is on its way would not be seen by anybody until its time is over.
            result = await _environment.Brokers.PopAsync(
                broker.Address, RequestOf(subscription), _asking.Token);
        }
        catch (RocketMQException exception)
        {
            Statistics.Metrics?.PullFailed(_time.GetElapsedTime(asked), broker.Address, exception);
            throw;
        }

        Volatile.Write(ref _heardAt, _time.GetTimestamp());
        Volatile.Write(ref _lastPoppedAt, _time.GetUtcNow().Ticks);
        _hasPopped = true;
        _attempt = null;
        if (result.Status == PopStatus.Found)
        {
            var count = Take(result, subscription);
            var took = _time.GetElapsedTime(asked);
            Statistics.Recent.Pulled(count, took);
            Statistics.Metrics?.Pulled(took, broker.Address);
        }

        _retry.Succeeded();
        await BackOffWhenFullAsync(result.Status);
    }

    private void NameAttempt()
    {
        if (_isInOrder)
        {
            _attempt ??= string.Create(
                CultureInfo.InvariantCulture, $"{_environment.ClientId}/{_time.GetUtcNow().ToUnixTimeMilliseconds()}/{_attempts++}");
        }
    }

    /// <summary>Messages have come. Whom the group does not want, as only the exact tag shows, is done; so is what was before.</summary>
    private int Take(PopResult result, Subscription subscription)
    {
        var popped = result.Decode(_environment.DecoderOptions);
        var done = Book.DoneAhead?.Of(popped).ToHashSet();
        Book.Add(popped, result.InvisibleTime);
        int added;
        try
        {
            var wanted = new List<MessageExt>(popped.Count);
            foreach (var message in popped)
            {
                if (subscription.Wants(message) && done?.Contains(message) is not true)
                {
                    wanted.Add(message);
                }
                else
                {
                    Book.Done(message);
                }
            }

            lock (_windows)
            {
                added = Runs.Window.Add(wanted, pulledTo: 0);
            }
        }
        catch
        {
            // What is in the book and in no window would be held for ever.
            foreach (var message in popped)
            {
                Book.Dropped(message);
            }

            throw;
        }

        if (added > 0)
        {
            _environment.Dispatcher.Signal(this);
        }

        return popped.Count;
    }

    /// <summary>As long as listeners keep the room the broker is not asked, and need not be heard of.</summary>
    private async Task<bool> WaitForRoomAsync()
    {
        var finding = FindRoomAsync();
        if (finding.IsCompleted)
        {
            return await finding;
        }

        _waitsForRoom = true;
        try
        {
            return await finding;
        }
        finally
        {
            Volatile.Write(ref _heardAt, _time.GetTimestamp());
            _waitsForRoom = false;
        }
    }

    /// <summary>Room is a matter of what the broker has not heard of, too: a broker that does not listen is asked for no more.</summary>
    private async Task<bool> FindRoomAsync()
    {
        while (await _flow.WaitForRoomAsync(IsOver, _stopping.Token) && !IsOver())
        {
            var window = Runs.Window;
            if (window.Length > LongestWindow)
            {
                await _flow.WaitAsync(() => window.Count == window.InFlight || IsOver(), most: null, _stopping.Token);
                if (window.Count == window.InFlight)
                {
                    Runs.Restart(NewWindow());
                }
            }
            else if (Book.Count < MostUnheard)
            {
                return true;
            }
            else
            {
                await _flow.WaitAsync(() => Book.Count < MostUnheard || IsOver(), most: null, _stopping.Token);
            }
        }

        return false;
    }

    // A gate that breaks or stops tells nobody.
    private bool IsOver() => State is var state && (state.Phase != PopPhase.Popping || Runs.Gate.IsPaused != state.IsPauseWanted);

    private async Task BackOffWhenFullAsync(PopStatus status)
    {
        _fullAnswers = status == PopStatus.PollingFull ? _fullAnswers + 1 : 0;
        if (_fullAnswers > 0)
        {
            await _flow.WaitAsync(IsOver, _runtime.BackOff(_fullAnswers, FirstBackOff, LongestBackOff), _stopping.Token);
        }
    }

    // Also looked at before each step: a setting may have changed before anybody knew this queue.
    private void NotePause()
    {
        if (Runs.Gate.IsPaused != State.IsPauseWanted)
        {
            Raise(Runs.Gate.IsPaused ? QueueEventKind.Paused : QueueEventKind.Resumed);
        }
    }

    // It closes by the clock, before anybody has told.
    private void NoteFence()
    {
        if (_environment.Fence.IsClosed && !State.IsFenceClosed)
        {
            Raise(QueueEventKind.FenceClosed);
        }
    }

    private async Task WaitForFenceAsync()
    {
        await _environment.Fence.WaitUntilOpenAsync(_stopping.Token);
        Raise(QueueEventKind.FenceOpened);
    }

    private async Task WaitForRetryAsync(PopState state)
    {
        if (_retry.TakeForgetful() is { } address)
        {
            // The broker has forgotten us, or was restarted: it must hear of the subscription before the next pop.
            await _environment.Brokers.HeartbeatToAsync(address, _stopping.Token);
        }

        if (!await WaitForNewsAsync(state, _retry.DueIn) && ReferenceEquals(State, state))
        {
            Raise(QueueEventKind.RetryDue);
        }
    }

    private async Task WaitForRecoveryAsync(PopState state)
    {
        await WaitForNewsAsync(state);
        if (State is { IsHalted: false, IsStopping: false })
        {
            _retry.GoesOn();
        }
    }

    private Task<bool> WaitForNewsAsync(PopState state, TimeSpan? most = null)
        => _flow.WaitAsync(() => !ReferenceEquals(State, state), most, _stopping.Token);
}
