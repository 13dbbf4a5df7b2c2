using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Locks;

/// <summary>
/// Takes and keeps the locks of a group's queues at one broker, or of one logical queue: all in one request where it can. One
/// request at a time, so that an unlock is never overtaken by a lock.
/// </summary>
internal sealed partial class BrokerLocks(
    MessageQueue place,
    ConsumerOptions options,
    Lockers lockers,
    Func<IEnumerable<string>> deadMembers,
    EngineRuntime runtime,
    ILogger logger)
{
    private const int FailuresBetweenWarnings = 30;

    // From the moment in which a renewal is due until the broker has it.
    private static readonly TimeSpan LongestRenewal = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<MessageQueue, QueueLock> _locks = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly WakeUp _wake = new();
    private readonly AsyncTurns _turn = new();
    private readonly ConcurrentQueue<MessageQueue> _toUnlock = new();
    private readonly HashSet<string> _deniedTopics = new(StringComparer.Ordinal);
    private volatile string? _asked;
    private Task _keeping = Task.CompletedTask;
    private Task _freeing = Task.CompletedTask;

    public void Start()
        => _keeping = runtime.Scheduler.StartLoop(
            $"locks of group {options.Group} at broker {place.BrokerName}", KeepAsync, runtime.Time, logger, _stopping.Token);

    public async Task StopAsync()
    {
        await runtime.Scheduler.CancelAsync(_stopping);
        await _keeping;
        await _freeing;
    }

    /// <summary>The queue's lock is wanted, now and until it is released.</summary>
    public QueueLock Add(MessageQueue queue)
    {
        var added = _locks[queue] = new QueueLock(queue, options.LockInterval, options.LockExpiry, runtime);
        _wake.Call();
        return added;
    }

    /// <summary>
    /// Gives a lock back. Whoever waits for it gets it at once; if the broker cannot be told, when it expires there. What is
    /// released at the same time goes in one request, so that a broker that is away is waited for once and not for each queue.
    /// </summary>
    public async Task ReleaseAsync(QueueLock queueLock)
    {
        _locks.TryRemove(new(queueLock.Queue, queueLock));
        queueLock.Release();
        _toUnlock.Enqueue(queueLock.Queue);
        await _turn.TakeAsync();
        try
        {
            var queues = new List<MessageQueue>();
            while (_toUnlock.TryDequeue(out var queue))
            {
                queues.Add(queue);
            }

            if (queues.Count > 0)
            {
                await UnlockAsync(queues);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// Another broker that has taken this one's place knows of no locks: they are renewed there before somebody else has them.
    /// </summary>
    public void OnRoutes()
    {
        if (!IsElsewhere(_asked))
        {
            return;
        }

        foreach (var queueLock in _locks.Values)
        {
            queueLock.AskSoon();
        }

        _wake.Call();
    }

    private bool IsElsewhere(string? asked)
        => asked is not null && lockers.Routes.FindAddress(place, onlyThisBroker: true) is { } now && now.Address != asked;

    private async Task UnlockAsync(List<MessageQueue> queues)
    {
        try
        {
            await lockers.Brokers.UnlockAsync(Address(), options.Group, lockers.ClientId, queues, CancellationToken.None);
        }
        catch (BrokerResponseException refused) when (IsDenied(refused) && queues.DistinctBy(queue => queue.Topic).Count() > 1)
        {
            foreach (var topic in queues.GroupBy(queue => queue.Topic, StringComparer.Ordinal))
            {
                await UnlockAsync([.. topic]);
            }
        }
        catch (Exception exception) when (exception is RocketMQException or ObjectDisposedException)
        {
            Log.UnlockFailed(logger, options.Group, place.BrokerName, queues.Count, exception.Message);
        }
    }

    private async Task KeepAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await AskAsync();
                await WaitAsync();
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Nobody but this loop renews. What failed is not known to be due later, so wait here.
                Log.RoundFailed(logger, options.Group, place.BrokerName, exception);
                await PauseAsync();
            }
        }
    }

    private async Task PauseAsync()
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(1), runtime.Time, _stopping.Token);
        }
        catch (OperationCanceledException)
        {
            // It stops.
        }
    }

    private async Task AskAsync()
    {
        await _turn.TakeAsync(_stopping.Token);
        try
        {
            // A topic that the account may not read is asked for by itself: its broker would refuse all others with it.
            var denied = Due().ToLookup(queueLock => _deniedTopics.Contains(queueLock.Queue.Topic));
            if (denied[false].Any())
            {
                await AskAsync([.. denied[false]]);
            }

            await AskByTopicAsync(denied[true]);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>What is to be asked for now. When one lock is to be renewed all are, so that they keep step in one request.</summary>
    private List<QueueLock> Due()
    {
        // In order, so that a run of the same seed asks the same.
        var all = _locks.Values.OrderBy(queueLock => queueLock.Queue).ToList();
        var due = all.FindAll(queueLock => queueLock.DueIn <= TimeSpan.Zero);
        return due.Exists(queueLock => queueLock.IsHeld) ? all.FindAll(queueLock => queueLock.IsHeld || due.Contains(queueLock)) : due;
    }

    private static bool IsDenied(BrokerResponseException refused) => refused.ResponseCode == ResponseCodes.NoPermission;

    private async Task AskByTopicAsync(IEnumerable<QueueLock> wanted)
    {
        foreach (var topic in wanted.GroupBy(queueLock => queueLock.Queue.Topic, StringComparer.Ordinal))
        {
            await AskAsync([.. topic]);
        }
    }

    private async Task AskAsync(List<QueueLock> wanted)
    {
        var topics = wanted.Select(queueLock => queueLock.Queue.Topic).ToHashSet(StringComparer.Ordinal);
        var askedAt = runtime.Time.GetTimestamp();
        string? asked = null;
        HashSet<MessageQueue> held;
        try
        {
            held = [.. await lockers.Brokers.LockAsync(
                _asked = asked = Address(), options.Group, lockers.ClientId, wanted.Select(queueLock => queueLock.Queue), _stopping.Token)];
        }
        catch (BrokerResponseException refused) when (IsDenied(refused) && topics.Count > 1)
        {
            await AskByTopicAsync(wanted);
            return;
        }
        catch (RocketMQException exception)
        {
            if (exception is BrokerResponseException refused && IsDenied(refused))
            {
                _deniedTopics.UnionWith(topics);
            }

            foreach (var queueLock in wanted)
            {
                queueLock.Fail(askedAt, exception);
            }

            if (wanted.Min(queueLock => queueLock.Failures) % FailuresBetweenWarnings == 1)
            {
                Log.LockFailed(logger, options.Group, place.BrokerName, wanted.Count, exception.Message);
            }

            AskElsewhere(asked, wanted);
            return;
        }

        _deniedTopics.ExceptWith(topics);
        NoteAnswer(wanted, held, askedAt);
        AskElsewhere(asked, wanted);
    }

    /// <summary>What the old broker said last is not to put off what <see cref="OnRoutes"/> wants of the new one.</summary>
    private void AskElsewhere(string? asked, List<QueueLock> wanted)
    {
        if (IsElsewhere(asked))
        {
            wanted.ForEach(queueLock => queueLock.AskSoon());
        }
    }

    private void NoteAnswer(List<QueueLock> wanted, HashSet<MessageQueue> held, long askedAt)
    {
        var refused = new List<QueueLock>();
        foreach (var queueLock in wanted)
        {
            if (held.Contains(queueLock.Queue))
            {
                queueLock.Grant(askedAt);
                continue;
            }

            if (queueLock.Refuse(askedAt))
            {
                Log.LockLost(logger, options.Group, queueLock.Queue);
            }
            else if (queueLock.Failures % FailuresBetweenWarnings == 0)
            {
                Log.LockRefused(logger, options.Group, queueLock.Queue, queueLock.Failures);
            }

            refused.Add(queueLock);
        }

        if (refused.Count > 0 && _freeing.IsCompleted)
        {
            _freeing = runtime.Scheduler.Run(() => FreeFromTheDeadAsync(refused));
        }
    }

    /// <summary>
    /// A silo that died without a word holds its locks at the broker for another minute. The cluster knows that it is dead, so
    /// its locks are given back in its name. One that the broker is still connected with may live after all, cut off from its
    /// fellows only: it is given the time in which it would renew its locks, and keeps them if it does. Runs beside the
    /// renewals.
    /// </summary>
    private async Task FreeFromTheDeadAsync(List<QueueLock> refused)
    {
        try
        {
            var dead = deadMembers().Where(clientId => refused.Exists(queueLock => !queueLock.IsFreedFrom(clientId))).ToArray();
            if (dead.Length == 0)
            {
                return;
            }

            var connected = await lockers.Brokers.GetConsumerIdsAsync(Address(), options.Group, _stopping.Token);
            if (dead.Any(connected.Contains))
            {
                await HoldOffAsync(refused);
            }

            await Task.WhenAll(dead.Select(clientId => FreeFromAsync(clientId, refused)));
            refused.ForEach(queueLock => queueLock.AskSoon());
            _wake.Call();
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Nobody wants them any more.
        }
        catch (Exception exception)
        {
            // The next refusal is the next attempt.
            Log.FreeFailed(logger, options.Group, place.BrokerName, exception.Message);
        }
    }

    private async Task HoldOffAsync(List<QueueLock> queueLocks)
    {
        // In turn: a request that is on its way would get the lock as soon as it is given back.
        await _turn.TakeAsync(_stopping.Token);
        queueLocks.ForEach(queueLock => queueLock.HoldOff(options.LockInterval + LongestRenewal));
        _turn.Release();
    }

    private async Task FreeFromAsync(string clientId, List<QueueLock> refused)
    {
        var queues = refused.FindAll(queueLock => !queueLock.IsFreedFrom(clientId));
        await lockers.Brokers.UnlockAsync(
            Address(), options.Group, clientId, queues.Select(queueLock => queueLock.Queue), _stopping.Token);
        queues.ForEach(queueLock => queueLock.NoteFreedFrom(clientId));
    }

    private async Task WaitAsync()
    {
        var longest = _locks.Values.Select(queueLock => queueLock.DueIn).DefaultIfEmpty(options.LockInterval).Min();
        if (longest <= TimeSpan.Zero)
        {
            return;
        }

        await _wake.WaitAsync(longest, runtime.Time, _stopping.Token);
    }

    // A slave would grant locks too, of which its master knows nothing.
    private string Address() => lockers.Routes.FindAddress(place, onlyThisBroker: true)?.Address
        ?? throw new BrokerNotAvailableException(
            $"No master of broker '{place.BrokerName}' is known for the queue locks of group '{options.Group}'.");

    private static partial class Log
    {
        [LoggerMessage(
            161,
            LogLevel.Warning,
            "Group {Group}: the locks of {Count} queues at broker {Broker} could not be taken or renewed, it is tried again: {Reason}")]
        public static partial void LockFailed(ILogger logger, string group, string broker, int count, string reason);

        [LoggerMessage(
            162,
            LogLevel.Warning,
            "Group {Group}: another member has taken the lock of {Queue}; its messages come again when the lock is back")]
        public static partial void LockLost(ILogger logger, string group, MessageQueue queue);

        [LoggerMessage(
            163,
            LogLevel.Warning,
            "Group {Group}: {Queue} waits for its lock, which another member holds; {Attempts} attempts so far")]
        public static partial void LockRefused(ILogger logger, string group, MessageQueue queue, int attempts);

        [LoggerMessage(
            164,
            LogLevel.Warning,
            "Group {Group}: the locks of {Count} queues at broker {Broker} could not be given back; they expire there: {Reason}")]
        public static partial void UnlockFailed(ILogger logger, string group, string broker, int count, string reason);

        [LoggerMessage(
            165,
            LogLevel.Warning,
            "Group {Group}: the locks of dead members at broker {Broker} could not be freed, it is tried again: {Reason}")]
        public static partial void FreeFailed(ILogger logger, string group, string broker, string reason);

        [LoggerMessage(166, LogLevel.Error, "Group {Group}: looking after the locks at broker {Broker} failed, it is tried again")]
        public static partial void RoundFailed(ILogger logger, string group, string broker, Exception exception);
    }
}
