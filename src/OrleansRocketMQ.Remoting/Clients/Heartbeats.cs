using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>What heartbeats tell.</summary>
internal interface IHeartbeatSource
{
    bool HasConsumers { get; }

    bool HasProducers { get; }

    HeartbeatData Describe();
}

/// <summary>
/// Sends heartbeats to every broker in the routes: each when it is due, and at once to a broker that newly appeared or
/// was connected again, for brokers forget a client with its connection. To one broker they go one after the other, so
/// that an older description never overtakes a newer one.
/// </summary>
internal sealed class Heartbeats(
    IHeartbeatSource source,
    RouteTable routes,
    BrokerClient brokers,
    TimeSpan interval,
    bool useV2,
    TimeProvider time,
    ILogger logger)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Receiver> _receivers = new(StringComparer.Ordinal);
    private readonly Reachability _reachability = new("Broker", time, logger);
    private readonly Wakeup _wakeup = new(time);
    private readonly DeniedSubscriptions _denied = new(brokers, logger);

    /// <summary>The protocol level of a broker as it told in its last answer, or null when it has not answered yet.</summary>
    public int? VersionOf(string address)
        => _receivers.TryGetValue(address, out var receiver) && receiver.Version > 0 ? receiver.Version : null;

    /// <summary>Brokers that did not take the last one.</summary>
    public IReadOnlyList<UnreachableServer> Unreachable => _reachability.Failing;

    /// <summary>All brokers get one as soon as the loop gets to it.</summary>
    public void BeatSoon()
    {
        foreach (var receiver in _receivers.Values)
        {
            receiver.InFull = true;
            receiver.BeatNow = true;
        }

        _wakeup.Set();
    }

    /// <summary>Brokers that newly occur in routes get one.</summary>
    public void RoutesChanged() => _wakeup.Set();

    /// <summary>A connection to an address was opened; if it is a broker's that had heard of us before, it has forgotten us.</summary>
    public void ConnectionOpened(string address)
    {
        // Before the first answer the first heartbeat is still to come, perhaps on this very connection.
        if (_receivers.TryGetValue(address, out var receiver) && receiver.Version > 0)
        {
            receiver.InFull = true;
            receiver.BeatNow = true;
            _wakeup.Set();
        }
    }

    /// <summary>Sends one to all brokers now and waits for their answers.</summary>
    /// <returns>The brokers that answered.</returns>
    public async Task<IReadOnlyList<BrokerAddress>> BeatAllAsync(CancellationToken cancellationToken)
    {
        // Whoever asks for one now may have been told that the broker knows no subscription.
        var targets = Targets();
        targets.ForEach(target => ReceiverOf(target.Address).InFull = true);
        var answered = await Task.WhenAll(targets.Select(target => BeatAsync(target, cancellationToken))).ConfigureAwait(false);
        return [.. targets.Where((_, index) => answered[index])];
    }

    /// <summary>
    /// Sends one to all brokers now and waits until the first of them has answered, or none has: one that is silent must not
    /// hold up what the others serve. Those that answer later are waited for by nobody.
    /// </summary>
    public async Task BeatUntilOneAnswersAsync(CancellationToken cancellationToken)
    {
        var targets = Targets();
        targets.ForEach(target => ReceiverOf(target.Address).InFull = true);
        var underWay = targets.Select(target => BeatAsync(target, cancellationToken)).ToList();
        while (underWay.Count > 0)
        {
            var ended = await Task.WhenAny(underWay).ConfigureAwait(false);
            if (await ended.ConfigureAwait(false))
            {
                return;
            }

            underWay.Remove(ended);
        }
    }

    /// <summary>
    /// Sends one to a broker that has forgotten us. All who ask before it goes out share it. One that is not known any more
    /// needs none.
    /// </summary>
    public Task BeatAsync(string address, CancellationToken cancellationToken)
    {
        if (Targets().FirstOrDefault(target => target.Address == address) is not { Address: not null } target)
        {
            return Task.CompletedTask;
        }

        var receiver = ReceiverOf(address);
        Task next;
        lock (receiver)
        {
            receiver.InFull = true;
            next = receiver.Next ??= BeatNextAsync(target, receiver);
        }

        return next.WaitAsync(cancellationToken);
    }

    /// <summary>Runs an action for a broker while no heartbeat is under way to it.</summary>
    public async Task BetweenBeatsAsync(string address, Func<Task> action, CancellationToken cancellationToken)
    {
        var receiver = ReceiverOf(address);
        await receiver.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await action().ConfigureAwait(false);
        }
        finally
        {
            receiver.Turn.Release();
        }
    }

    public async Task RunAsync(CancellationToken stopping)
    {
        // Each runs by itself, so that a broker that does not answer holds up none of the others.
        var running = new List<Task>();
        try
        {
            while (true)
            {
                running.RemoveAll(static beat => beat.IsCompleted);
                var targets = Targets();
                Forget(targets);
                running.AddRange(targets.Where(IsDue).Select(target => BeatAndWakeAsync(target, stopping)));
                await _wakeup.WaitAsync(UntilNextIsDue(), stopping).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Slaves need to know consumers only.
    private List<BrokerAddress> Targets()
        => source.HasConsumers ? [.. routes.Brokers]
            : source.HasProducers ? [.. routes.Brokers.Where(broker => !broker.IsSlave)]
            : [];

    private bool IsDue(BrokerAddress target)
    {
        var receiver = ReceiverOf(target.Address);
        return !receiver.UnderWay && (receiver.BeatNow || receiver.NextAt <= time.GetTimestamp());
    }

    private TimeSpan UntilNextIsDue()
    {
        var now = time.GetTimestamp();
        var wait = interval;
        foreach (var receiver in _receivers.Values.Where(receiver => !receiver.UnderWay))
        {
            var left = receiver.BeatNow ? TimeSpan.Zero : time.GetElapsedTime(now, receiver.NextAt);
            wait = left < wait ? left : wait;
        }

        return wait;
    }

    private void Forget(List<BrokerAddress> targets)
    {
        foreach (var address in _receivers.Keys.Except(targets.Select(target => target.Address), StringComparer.Ordinal))
        {
            _receivers.TryRemove(address, out _);
            _reachability.Forget(address);
        }
    }

    private Receiver ReceiverOf(string address) => _receivers.GetOrAdd(address, static _ => new Receiver());

    private async Task BeatAndWakeAsync(BrokerAddress target, CancellationToken stopping)
    {
        var receiver = ReceiverOf(target.Address);
        receiver.UnderWay = true;
        try
        {
            await BeatAsync(target, stopping).ConfigureAwait(false);
        }
        finally
        {
            receiver.UnderWay = false;
            _wakeup.Set();
        }
    }

    private async Task BeatNextAsync(BrokerAddress target, Receiver receiver)
    {
        // Not within the lock of whoever asked first.
        await Task.Yield();
        await BeatAsync(target, CancellationToken.None, begins: () =>
        {
            lock (receiver)
            {
                // Whoever asks from now on may have been told later than this one tells.
                receiver.Next = null;
            }
        }).ConfigureAwait(false);
    }

    private async Task<bool> BeatAsync(BrokerAddress target, CancellationToken cancellationToken, Action? begins = null)
    {
        var receiver = ReceiverOf(target.Address);
        await receiver.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            begins?.Invoke();

            // From here on a change asks for another one; what this one tells is looked up after that.
            receiver.BeatNow = false;
            var result = await SendAsync(target, receiver, cancellationToken).ConfigureAwait(false);
            receiver.Failures = 0;
            receiver.Version = result.BrokerVersion;
            receiver.NextAt = After(interval);
            _reachability.Succeeded(target.Address);
            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // Whatever it is: without a time for the next one the loop would begin it at once.
            receiver.Failures++;
            receiver.InFull = true;
            // A broker that accepts connections and closes them again must not get one heartbeat right after the other.
            receiver.BeatNow = false;
            receiver.NextAt = After(Backoff.Next(receiver.Failures, FirstRetry, interval));
            _reachability.Failed(target.Address, exception);
            return false;
        }
        finally
        {
            receiver.Turn.Release();
        }
    }

    /// <summary>Sends all there is to tell; what the broker refuses it for is left out, so that the rest is consumed.</summary>
    private async Task<HeartbeatResult> SendAsync(BrokerAddress target, Receiver receiver, CancellationToken cancellationToken)
    {
        for (var (all, told) = (source.Describe(), (HeartbeatData?)null); ;)
        {
            try
            {
                var result = await SendAsync(target, receiver, told ?? all, cancellationToken).ConfigureAwait(false);
                if (told is null)
                {
                    _denied.NothingAt(target);
                }

                return result;
            }
            catch (BrokerResponseException refusal) when (told is null && refusal.ResponseCode == ResponseCodes.NoPermission)
            {
                told = await _denied.LeaveOutAsync(target, all, cancellationToken).ConfigureAwait(false);
                if (told is null)
                {
                    throw;
                }

                receiver.InFull = true;
            }
        }
    }

    /// <summary>
    /// In version 2 a heartbeat leaves the subscriptions out where nothing has changed since the broker got all of it. Only
    /// one that is sent because its time has come may do so: where something happened, the broker may have forgotten.
    /// </summary>
    private async Task<HeartbeatResult> SendAsync(
        BrokerAddress target, Receiver receiver, HeartbeatData heartbeat, CancellationToken cancellationToken)
    {
        if (!useV2)
        {
            return await brokers.HeartbeatAsync(target.Address, heartbeat, cancellationToken).ConfigureAwait(false);
        }

        heartbeat = heartbeat with { HeartbeatFingerprint = heartbeat.ComputeFingerprint() };
        if (!receiver.TakeInFull() && receiver.Known == heartbeat.HeartbeatFingerprint)
        {
            var shortResult = await brokers.HeartbeatAsync(
                target.Address, heartbeat.WithoutSubscriptions(), cancellationToken).ConfigureAwait(false);
            receiver.Known = shortResult.SubscriptionChanged ? null : receiver.Known;
            return shortResult;
        }

        var result = await brokers.HeartbeatAsync(target.Address, heartbeat, cancellationToken).ConfigureAwait(false);
        receiver.Known = result is { SupportsHeartbeatV2: true, SubscriptionChanged: false } ? heartbeat.HeartbeatFingerprint : null;
        return result;
    }

    private long After(TimeSpan span) => time.GetTimestamp() + (long)(span.TotalSeconds * time.TimestampFrequency);

    private sealed class Receiver
    {
        private volatile bool _beatNow = true;
        private volatile bool _underWay;
        private volatile int _version;
        private int _inFull = 1;

        public SemaphoreSlim Turn { get; } = new(1, 1);

        /// <summary>One that waits for its turn and that others may share; null when there is none.</summary>
        public Task? Next { get; set; }

        public bool BeatNow
        {
            get => _beatNow;
            set => _beatNow = value;
        }

        public bool UnderWay
        {
            get => _underWay;
            set => _underWay = value;
        }

        public int Version
        {
            get => _version;
            set => _version = value;
        }

        /// <summary>Whether the next heartbeat must bring the subscriptions, whatever the broker knew.</summary>
        public bool InFull
        {
            set => Volatile.Write(ref _inFull, value ? 1 : 0);
        }

        /// <summary>The fingerprint of what the broker has been told in full; null when that is not certain.</summary>
        public int? Known { get; set; }

        public long NextAt { get; set; }

        public int Failures { get; set; }

        public bool TakeInFull() => Interlocked.Exchange(ref _inFull, 0) != 0;
    }
}
