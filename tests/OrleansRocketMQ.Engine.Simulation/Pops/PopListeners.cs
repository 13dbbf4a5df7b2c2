using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>
/// The listeners of a member that pops: they take their time, fail, hang, ignore their token, or cannot be reached.
/// </summary>
internal sealed class PopListeners(PopWorld world, PopMember member) : IListeners
{
    private readonly SeededRandom _random = SeededRandom.Of(world.Setup.Seed, $"listeners of {member.Owner.Name}");

    public IListener OfSlot(int slot) => new Listener(this);

    public IListener OfKey(string key) => throw new InvalidOperationException("Who pops has no order.");

    public IQueueListener OfQueue(MessageQueue queue) => throw new InvalidOperationException("Who pops has no order.");

    private bool Strikes(FaultKind kind, PopHolder holder, int percent)
        => world.Weather.Strikes(kind, world.StruckWith(holder.Source).Index, percent);

    /// <summary>What a listener does with a batch.</summary>
    /// <returns>How many messages it has consumed, from the first on; or that it had them for too long.</returns>
    private async Task<(int Consumed, bool IsLate)> ConsumeAsync(PopHolder holder, List<PopDelivery> batch, CancellationToken listening)
    {
        if (Strikes(FaultKind.ListenerHoldsThread, holder, 15))
        {
            await world.Time.Delay(Member.ConsumeTimeout + TimeSpan.FromSeconds(6), CancellationToken.None);
            return (0, true);
        }

        if (Strikes(FaultKind.ListenerHangs, holder, 20))
        {
            await world.Time.Delay(Member.ConsumeTimeout, listening);
            return (0, true);
        }

        var slow = Strikes(FaultKind.ListenerSlow, holder, 40);
        var ignores = Strikes(FaultKind.ListenerIgnoresToken, holder, 40);
        var takes = _random.Between(TimeSpan.FromTicks(1000), TimeSpan.FromMilliseconds(slow || ignores ? 2500 : 12));
        await world.Time.Delay(takes, ignores ? CancellationToken.None : listening);
        var consumed = 0;
        while (consumed < batch.Count && !batch[consumed].Entry.IsPoison && !Fails(holder))
        {
            consumed++;
        }

        return (consumed, false);
    }

    // Without a message that fails nothing would be given back.
    private bool Fails(PopHolder holder)
    {
        var index = world.StruckWith(holder.Source).Index;
        var isWatched = world.Weather.IsActive(FaultKind.SendBackRefused, index)
            || world.Weather.IsActive(FaultKind.SendBackAnswerLost, index);
        return Strikes(FaultKind.ListenerFails, holder, 25) || (isWatched && _random.Chance(25));
    }

    /// <summary>Why a message has failed: by itself, or by its listener's word.</summary>
    private FailedMessage FailureOf(PopDelivery delivery, int index)
    {
        if (world.Setup.SpeaksOfEach && _random.Chance(15))
        {
            delivery.Entry.IsRejected = true;
            return new FailedMessage(index, FailedMessage.ToDeadLetters, "rejected", ErrorTypes.Rejected, "rejected");
        }

        return new FailedMessage(index, 0, "failed", "test")
        {
            RetryAfter = _random.Chance(70) ? _random.Between(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1.5)) : null,
        };
    }

    private PopHolder Begin(in ListenerCall call)
    {
        member.Owner.ThrowIfDead();
        var holder = member.HolderOf(call.Queue);
        if (holder.Objection(world.IsPaused(holder.Source.Id)) is { } objection)
        {
            world.Ledger.Fail(QueueLedger.OnlyWhenAllowed, $"{holder.Name} hands {call.Messages[0].QueueOffset} out, but {objection}");
        }

        member.Owner.HandedOut(call.Messages.Count);
        if (Strikes(FaultKind.ListenerUnreachable, holder, 30))
        {
            throw new LostCallException("the listener cannot be reached");
        }

        return holder;
    }

    private PopDelivery HandOut(PopHolder holder, MessageExt message)
    {
        var delivery = message.ReceiptHandle is { } handle
            ? world.DeliveryOf(handle)
            : new PopDelivery(world.Find(message), holder, world.Time.Now);
        world.Ledger.HandOut(delivery);
        return delivery;
    }

    private sealed class Listener(PopListeners listeners) : IListener
    {
        private readonly SwallowedCalls<ListenerOutcome> _swallowed = new();

        private PopWorld World => listeners.Source;

        public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => Task.FromResult(true);

        public Task<ListenerOutcome> ConsumeAsync(in ListenerCall call, CancellationToken cancellationToken)
            => _swallowed.SendAsync(RunAsync(call, cancellationToken), call.Renewable!.Value, cancellationToken);

        public Task<CallWord<ListenerOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken) => _swallowed.AskAsync(call);

        private async Task<ListenerOutcome> RunAsync(ListenerCall call, CancellationToken cancellationToken)
        {
            var holder = listeners.Begin(call);
            var began = World.Time.Now;
            var failures = new List<FailedMessage>();
            var consumed = new List<PopDelivery>();
            var (index, late) = (0, 0);
            while (index < call.Messages.Count && call.Ownership is not { IsValid: false })
            {
                var end = Math.Min(index + call.BatchSize, call.Messages.Count);
                if (call.Share?.TryClaim(end) is false)
                {
                    break;
                }

                var batch = call.Messages[index..end].Select(message => listeners.HandOut(holder, message)).ToList();
                var (done, isLate) = await TryAsync(holder, batch, cancellationToken);
                consumed.AddRange(batch.Take(done));
                for (var failed = done; failed < batch.Count; failed++)
                {
                    failures.Add(isLate
                        ? FailedMessage.TimedOut(index + failed, call.ConsumeTimeout)
                        : listeners.FailureOf(batch[failed], index + failed));
                }

                late += isLate ? batch.Count : 0;
                index = end;
                if (isLate || TimeSpan.FromTicks(World.Time.Now - began) > call.TimeLimit)
                {
                    break;
                }
            }

            Tell(holder, consumed, TimeSpan.FromTicks(World.Time.Now - began), cancellationToken);
            var took = TimeSpan.FromTicks(World.Time.Now - began);
            return new ListenerOutcome(index, took, failures.Count > 0 ? failures : null) { TimedOut = late };
        }

        private async Task<(int Consumed, bool IsLate)> TryAsync(
            PopHolder holder, List<PopDelivery> batch, CancellationToken cancellationToken)
        {
            var done = 0;
            try
            {
                (done, var isLate) = await listeners.ConsumeAsync(holder, batch, cancellationToken);
                return (done, isLate);
            }
            finally
            {
                for (var index = 0; index < batch.Count; index++)
                {
                    batch[index].Ended(isConsumed: index < done);
                }
            }
        }

        /// <summary>The member hears of it, unless nobody waits any more, or the answer is lost.</summary>
        private void Tell(PopHolder holder, List<PopDelivery> consumed, TimeSpan took, CancellationToken cancellationToken)
        {
            if (consumed.Count > 0 && listeners.Strikes(FaultKind.ListenerUnreachable, holder, 10))
            {
                throw new LostCallException("the listener's answer is lost");
            }

            if (cancellationToken.IsCancellationRequested || took >= Member.ConsumeTimeout + ListenerTimes.Grace || holder.Owner.IsDead)
            {
                return;
            }

            foreach (var delivery in consumed)
            {
                World.Ledger.Heard(delivery);
            }
        }
    }

    private PopWorld Source => world;
}
