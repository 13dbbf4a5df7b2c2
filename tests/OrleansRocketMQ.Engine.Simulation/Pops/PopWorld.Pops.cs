using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>Pops, and what members tell of what they have popped.</summary>
internal sealed partial class PopWorld
{
    private static readonly FaultKind[] Refusals = [FaultKind.PullFlowControl, FaultKind.PullRefused, FaultKind.PullForgotten];

    // What was acknowledged so short a time ago a broker that dies may not have stored.
    private static readonly TimeSpan NotStored = TimeSpan.FromMilliseconds(500);

    // By the handles that count.
    private readonly Dictionary<ReceiptHandle, PopDelivery> _hidden = [];

    // By all handles there have been.
    private readonly Dictionary<ReceiptHandle, PopDelivery> _known = [];
    private readonly List<PopDelivery> _acked = [];
    private long _popTime;

    /// <summary>What the broker keeps from others.</summary>
    public IReadOnlyCollection<PopDelivery> Hidden => _hidden.Values;

    /// <summary>The delivery that is, or was, known by a handle.</summary>
    public PopDelivery DeliveryOf(ReceiptHandle handle) => _known[handle];

    /// <summary>Pops, by long polling.</summary>
    public async Task<(PopResult Result, IReadOnlyList<PopDelivery> Popped)> PopAsync(
        PopHolder holder, PopRequest request, CancellationToken cancellationToken)
    {
        var log = holder.Source;
        await Weather.SendAsync(holder.Owner, StruckWith(log), cancellationToken);
        foreach (var refusal in Refusals)
        {
            if (Strikes(refusal, log))
            {
                throw new CallFailedException(refusal);
            }
        }

        if (Strikes(FaultKind.PullLost, log, 40))
        {
            await Weather.LoseAsync(FaultKind.PullLost, request.PollTime + SimulatedWorld.CallTimeout, cancellationToken);
        }

        var answer = await ServeAsync(holder, request, cancellationToken);
        if (Strikes(FaultKind.PullSlow, log))
        {
            var extra = _random.Between(TimeSpan.FromMilliseconds(50), SimulatedWorld.Suspend + SimulatedWorld.CallTimeout);
            await Time.Delay(extra, cancellationToken);
            if (extra > SimulatedWorld.CallTimeout * 2)
            {
                throw new CallFailedException(FaultKind.PullSlow);
            }
        }

        if (Strikes(FaultKind.PullLost, log, 40))
        {
            await Weather.LoseAsync(FaultKind.PullLost, SimulatedWorld.CallTimeout, cancellationToken);
        }

        await Weather.ReceiveAsync(holder.Owner, cancellationToken);
        return answer;
    }

    /// <summary>Messages are done.</summary>
    public Task AckAsync(PopHolder holder, IReadOnlyCollection<ReceiptHandle> handles, CancellationToken cancellationToken)
        => TellAsync(holder, () => handles.Count(Ack), cancellationToken);

    /// <summary>A message is to be kept from others for so long from now on.</summary>
    /// <returns>How it is known from now on; null when it is not known so.</returns>
    public Task<ReceiptHandle?> ChangeAsync(PopHolder holder, ReceiptHandle handle, TimeSpan time, CancellationToken cancellationToken)
        => TellAsync(holder, () => Change(handle, time), cancellationToken);

    /// <summary>A broker has died and is there again: what it had not stored yet it has forgotten.</summary>
    public void Restart(string broker)
    {
        foreach (var log in Logs.Where(log => log.Id.BrokerName == broker))
        {
            _troubleAt[StruckWith(log).Index] = Time.Now;
        }

        foreach (var delivery in _acked.Where(delivery => delivery.Message.Log.Id.BrokerName == broker && _random.Chance(50)).ToArray())
        {
            if (delivery.AckedAt > Time.Now - NotStored.Ticks)
            {
                Revive(delivery, "its broker has forgotten that it was done");
            }
        }

        _acked.Clear();
    }

    /// <summary>An operator has the next pop of a queue begin at an offset.</summary>
    public void Reset(PopLog log, long offset)
    {
        Ledger.Moved(log, offset);
        Scheduler.Note("is moved", log.Id.BrokerName, log.Index, offset);
        if (offset < (log.Stored ?? 0))
        {
            log.GoBack(offset, Time.Now);
        }

        log.Stored = offset;
        log.Wake();
    }

    private async Task<(PopResult Result, IReadOnlyList<PopDelivery> Popped)> ServeAsync(
        PopHolder holder, PopRequest request, CancellationToken cancellationToken)
    {
        var log = holder.Source;
        var until = Time.Now + request.PollTime.Ticks;
        while (true)
        {
            if (Take(holder, request) is { Count: > 0 } taken)
            {
                return (Encode(holder, request, taken), taken);
            }

            var isFull = Strikes(FaultKind.PullFlowControl, log, 30);
            if (isFull || Time.Now >= until)
            {
                return (new PopResult(isFull ? PopStatus.PollingFull : PopStatus.NotFound, 0, TimeSpan.Zero, 0, 0, default), []);
            }

            await WaitForNewsAsync(log, until, cancellationToken);
        }
    }

    private async Task WaitForNewsAsync(PopLog log, long until, CancellationToken cancellationToken)
    {
        var connection = Weather.Connected;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, connection);
        try
        {
            await log.NewsAsync().WaitAsync(Time.Until(until), Time, either.Token);
        }
        catch (TimeoutException)
        {
        }
        catch (OperationCanceledException) when (connection.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new CallFailedException(FaultKind.BrokerAway);
        }
    }

    /// <summary>What comes again goes first once in a while, and else when there is room for it.</summary>
    private List<PopDelivery> Take(PopHolder holder, PopRequest request)
    {
        var log = holder.Source;
        var retries = Logs.Where(other => ComeAgainIn(other) && other.Id.BrokerName == log.Id.BrokerName);
        var order = _random.Chance(20) ? retries.Append(log) : retries.Prepend(log);
        var popTime = _popTime = Math.Max(_popTime + 1, Time.GetUtcNow().ToUnixTimeMilliseconds());
        var taken = new List<PopDelivery>();
        foreach (var from in order)
        {
            long? start = null;
            from.Stored ??= 0;
            while (taken.Count < request.MaxMessages && from.Stored < from.Max)
            {
                var message = from.Messages[(int)from.Stored.Value];
                (from.Stored, from.TakenAt) = (from.Stored + 1, Time.Now);
                if (request.Expression is not ("*" or null) && request.Expression != SimulatedWorld.TagOf(message.Entry.Tag))
                {
                    message.Entry.IsWaived = true;
                    continue;
                }

                start ??= message.Offset;
                taken.Add(Hide(holder, message, new ReceiptHandle(
                    start.Value,
                    popTime,
                    (long)request.InvisibleTime.TotalMilliseconds,
                    0,
                    from.Kind,
                    from.Id.BrokerName,
                    from.Id.QueueId,
                    message.Offset)));
            }
        }

        return taken;
    }

    private PopDelivery Hide(PopHolder holder, LoggedMessage message, ReceiptHandle handle)
    {
        var delivery = new PopDelivery(message, holder, Time.Now)
        {
            Handle = handle,
            Heard = handle,
            HiddenUntil = Time.Now + TimeSpan.FromMilliseconds(handle.InvisibleTime).Ticks,
        };
        _hidden.Add(handle, delivery);
        _known.Add(handle, delivery);
        return delivery;
    }

    private static PopResult Encode(PopHolder holder, PopRequest request, List<PopDelivery> taken) => new(
        PopStatus.Found,
        taken[0].Handle.PopTime,
        request.InvisibleTime,
        0,
        0,
        taken.SelectMany(static delivery => delivery.Message.Log.Encode(delivery.Message).Encode()).ToArray())
    {
        Topic = holder.Source.Id.Topic,
        BrokerName = holder.Source.Id.BrokerName,
    };

    /// <summary>Something a broker is told of what was popped.</summary>
    private async Task<T> TellAsync<T>(PopHolder holder, Func<T> apply, CancellationToken cancellationToken)
    {
        var log = holder.Source;
        await Weather.SendAsync(holder.Owner, StruckWith(log), cancellationToken);
        if (Strikes(FaultKind.TellingRefused, log))
        {
            throw new CallFailedException(FaultKind.TellingRefused);
        }

        if (Strikes(FaultKind.TellingLost, log))
        {
            await Weather.LoseAsync(FaultKind.TellingLost, SimulatedWorld.CallTimeout, cancellationToken);
        }

        if (Strikes(FaultKind.TellingLate, log))
        {
            _ = Scheduler.Start("late telling", async () =>
            {
                await Time.Delay(SimulatedWorld.CallTimeout + _random.Between(TimeSpan.Zero, SimulatedWorld.CallTimeout * 2));
                apply();
            });
            await Weather.LoseAsync(FaultKind.TellingLate, SimulatedWorld.CallTimeout, cancellationToken);
        }

        var answer = apply();
        if (Strikes(FaultKind.TellingDoubled, log))
        {
            apply();
        }

        if (Strikes(FaultKind.TellingUnheard, log))
        {
            await Weather.LoseAsync(FaultKind.TellingUnheard, SimulatedWorld.CallTimeout, cancellationToken);
        }

        await Weather.ReceiveAsync(holder.Owner, cancellationToken);
        return answer;
    }

    /// <returns>Whether the broker kept the message, by that handle.</returns>
    private bool Ack(ReceiptHandle handle)
    {
        var isKept = _hidden.Remove(handle, out var delivery);
        if (delivery is not null)
        {
            delivery.AckedAt = Time.Now;
            _acked.Add(delivery);
            Ledger.Acknowledged(delivery);
            Scheduler.Note("acknowledged", delivery.Holder.Owner.Name, delivery.Message.Log.Index, delivery.Message.Offset);
        }

        return isKept;
    }

    private ReceiptHandle? Change(ReceiptHandle handle, TimeSpan time)
    {
        if (!_hidden.Remove(handle, out var delivery))
        {
            return null;
        }

        _popTime = Math.Max(_popTime + 1, Time.GetUtcNow().ToUnixTimeMilliseconds());
        delivery.Handle = handle with
        {
            CheckpointOffset = handle.QueueOffset,
            PopTime = _popTime,
            InvisibleTime = (long)time.TotalMilliseconds,
        };
        delivery.HiddenUntil = Time.Now + time.Ticks;
        _hidden.Add(delivery.Handle, delivery);
        _known.Add(delivery.Handle, delivery);
        Ledger.Changed(delivery, isRenewal: time == PopSetup.InvisibleTimeOf(Setup.Seed));
        Scheduler.Note("hidden for", delivery.Holder.Owner.Name, delivery.Message.Offset, (long)time.TotalMilliseconds);
        return delivery.Handle;
    }
}
