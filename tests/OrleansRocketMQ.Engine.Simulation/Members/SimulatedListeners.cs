using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>
/// The listeners of a group as one member reaches them: they take their time, fail, hang, ignore their token, or cannot be
/// reached; and the checker hears of all that they are given.
/// </summary>
internal sealed partial class SimulatedListeners(SimulatedWorld world, Owner owner, Func<MessageQueue, MemberQueue?> find) : IListeners
{
    public const string BatchesFit = "a call of a listener gets no more than a batch may be";
    public const string UnreachedWaits = "a worker that does not reach its listener waits";

    // The first time its messages wait instead; a queue that ends ends the wait, too.
    private const int MostUnreached = 4;

    private const int MostFailures = SimulatedWorld.MaxAttempts + 1;

    private readonly SeededRandom _random = SeededRandom.Of(world.Setup.Seed, $"listeners of {owner.Name}");

    public IListener OfSlot(int slot) => new Listener(this, slot);

    public IListener OfKey(string key) => new Listener(this, null);

    public IQueueListener OfQueue(MessageQueue queue) => new QueueListener(this);

    /// <summary>What a listener does with a batch.</summary>
    /// <returns>How many messages it has consumed, from the first on; or that it had them for too long.</returns>
    private async Task<(int Consumed, bool IsLate)> ConsumeAsync(Call call, List<Delivery> batch, CancellationToken listening)
    {
        var limit = Member.ConsumeTimeout;
        var queue = call.Queue.Queue.Index;
        var began = call.Queue.Now;
        var ended = DeliveryEnd.Returned;
        var consumed = 0;
        var isEnded = false;
        var throws = !listening.IsCancellationRequested && world.Strikes(FaultKind.ListenerCallbackThrows, queue, 60);
        using var broken = throws
            ? listening.Register(static () => throw new InvalidOperationException("a listener's callback throws"))
            : default;
        try
        {
            if (world.Strikes(FaultKind.ListenerHoldsThread, queue, 15))
            {
                if (world.Setup.Mode != Mode.Orderly)
                {
                    world.Attempts.Unknown(queue);
                }

                await world.Time.Delay(limit, CancellationToken.None);
                batch.ForEach(delivery => call.Queue.Ledger.Ended(delivery, DeliveryEnd.Returned));
                GiveUp(call, call.Messages, MostFailures);
                isEnded = true;

                // What comes for the same grain waits for it until then, and for the time of one more attempt.
                world.Trouble.Note(FaultKind.ListenerHoldsThread, queue, world.Time.Now);
                await world.Time.Delay(TimeSpan.FromSeconds(6), CancellationToken.None);
                world.Trouble.Note(FaultKind.ListenerHoldsThread, queue, world.Time.Now);
                return (0, true);
            }

            if (world.Strikes(FaultKind.ListenerHangs, queue, 20) || (throws && _random.Chance(30)))
            {
                await world.Time.Delay(limit, listening);
                return (0, true);
            }

            var slow = world.Strikes(FaultKind.ListenerSlow, queue, 40);
            var ignores = world.Strikes(FaultKind.ListenerIgnoresToken, queue, 40);
            var takes = _random.Between(TimeSpan.FromTicks(1000), TimeSpan.FromMilliseconds(slow || ignores ? 900 : 12));
            await world.Time.Delay(takes, ignores ? CancellationToken.None : listening);
            while (consumed < batch.Count && !batch[consumed].Entry.Message.IsPoison && !Fails(queue))
            {
                consumed++;
            }

            ended = DeliveryEnd.Done;
            return (consumed, false);
        }
        finally
        {
            // What ends when its result does not count any more has been consumed, and comes again all the same.
            for (var index = 0; index < batch.Count && !isEnded; index++)
            {
                var end = index >= consumed || owner.IsDead ? DeliveryEnd.Returned
                    : IsUnheard(call, began, listening) ? DeliveryEnd.Unheard
                    : ended;
                call.Queue.Ledger.Ended(batch[index], end);
            }
        }
    }

    /// <summary>
    /// Whether nobody waits for a listener any more: it was told so, or its owner has stood still meanwhile, so that the time in
    /// which even a listener that holds its thread is waited for is over at the moment in which both go on.
    /// </summary>
    private static bool IsUnheard(Call call, TimeSpan began, CancellationToken listening)
        => listening.IsCancellationRequested || call.Queue.Now - began >= Member.ConsumeTimeout + ListenerTimes.Grace;

    /// <summary>
    /// Where every member gets every message, none that fails comes again from the broker: it is given up, in order when it has
    /// failed for the last time, by what its listener was told.
    /// </summary>
    private void GiveUp(Call call, ArraySegment<MessageExt> failed, int times)
    {
        if (!world.Setup.Broadcasts)
        {
            return;
        }

        // Those that were taken back meanwhile are not the call's any more.
        foreach (var (index, message) in failed.Index().Where(static one => one.Item is not null))
        {
            var before = call.Told(failed.Offset - call.Messages.Offset + index);
            if (world.Setup.Mode == Mode.Concurrent || before + times >= MostFailures)
            {
                call.Queue.Ledger.SafelyElsewhere(message.QueueOffset, isHeard: false);
                world.Attempts.Done(call.Queue.Queue.Index, message.QueueOffset);
            }
        }
    }

    // Without a message that fails nothing would be given back.
    private bool Fails(int queue)
    {
        var isWatched = world.IsActive(FaultKind.SendBackRefused, queue) || world.IsActive(FaultKind.SendBackAnswerLost, queue);
        return world.Strikes(FaultKind.ListenerFails, queue, 25) || (isWatched && _random.Chance(25));
    }

    /// <param name="queue">The queue.</param>
    /// <param name="messages">The messages.</param>
    /// <param name="told">How often each has failed, as the listener is told.</param>
    private Call Begin(MessageQueue queue, ArraySegment<MessageExt> messages, Func<int, int> told)
    {
        owner.ThrowIfDead();
        var at = find(queue)!;
        if (at.Objection is { } objection)
        {
            at.Ledger.Fail(QueueLedger.OnlyWhenAllowed, $"{at.Name} hands {messages[0].QueueOffset} out, but {objection}");
        }

        owner.HandedOut(messages.Count);
        for (var index = 0; index < messages.Count; index++)
        {
            world.Attempts.Told(at.Queue, at.Window, world.Find(messages[index]).Message, messages[index].ReconsumeTimes, told(index));
        }

        return new Call(at, at.Window, messages, told, world.Setup);
    }

    /// <summary>Whether a listener is where it is called; it cannot always be asked.</summary>
    private Task<bool> IsReadyAsync()
    {
        if (!world.Strikes(FaultKind.ListenerLeaves, owner.Index))
        {
            return Task.FromResult(true);
        }

        return _random.Chance(60)
            ? Task.FromResult(false)
            : Task.FromException<bool>(new InvalidOperationException("nobody knows where the listener is"));
    }

    private void ThrowIfUnreachable(MemberQueue queue, int percent)
    {
        if (world.Strikes(FaultKind.ListenerUnreachable, queue.Queue.Index, percent))
        {
            throw new LostCallException("the listener cannot be reached");
        }
    }

    /// <summary>Messages that were given to a listener together.</summary>
    /// <param name="Queue">Their queue at its member.</param>
    /// <param name="Window">Its window.</param>
    /// <param name="Messages">The messages.</param>
    /// <param name="Told">How often each has failed before, as the listener is told.</param>
    /// <param name="Setup">What the run is like.</param>
    private sealed record Call(
        MemberQueue Queue, WindowRecord Window, ArraySegment<MessageExt> Messages, Func<int, int> Told, Setup Setup)
    {
        public List<Delivery> HandOut(int from, int to)
        {
            CheckBatch(from, to);
            var deliveries = new List<Delivery>(to - from);
            for (var index = from; index < to; index++)
            {
                deliveries.Add(Queue.Ledger.HandOut(Window, Messages[index], Messages[from].QueueOffset));
            }

            return deliveries;
        }

        private void CheckBatch(int from, int to)
        {
            var bytes = Messages[from..to].Sum(static message => (long)message.Body.Length);
            if (to - from > Setup.Batch || (to - from > 1 && bytes > Setup.BatchBytes))
            {
                Queue.Ledger.Fail(BatchesFit, $"{Queue.Name} gives a listener {to - from} messages of {bytes} bytes");
            }
        }
    }

    /// <param name="listeners">All of them.</param>
    /// <param name="slot">The worker it belongs to; null when it is a key's.</param>
    private sealed class Listener(SimulatedListeners listeners, int? slot) : IListener
    {
        private readonly SwallowedCalls<ListenerOutcome> _swallowed = new();
        private int _unreached;
        private TimeSpan _unreachedSince;

        public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => listeners.IsReadyAsync();

        public Task<ListenerOutcome> ConsumeAsync(in ListenerCall call, CancellationToken cancellationToken)
            => _swallowed.SendAsync(RunAsync(call, cancellationToken), call.Renewable!.Value, cancellationToken);

        public Task<CallWord<ListenerOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken) => _swallowed.AskAsync(call);

        private async Task<ListenerOutcome> RunAsync(ListenerCall call, CancellationToken cancellationToken)
        {
            var run = listeners.Begin(
                call.Queue, call.Messages, index => call.Messages[index].ReconsumeTimes + (index == 0 ? call.Failures : 0));
            Reach(run.Queue);
            using var held = Hold(run);
            var began = run.Queue.Now;
            var failures = new List<FailedMessage>();
            var deliveries = new List<Delivery>();
            var (index, late) = (0, 0);
            while (index < call.Messages.Count && call.Ownership is not { IsValid: false })
            {
                var end = Math.Min(index + call.BatchSize, call.Messages.Count);
                if (call.Share?.TryClaim(end) is false)
                {
                    break;
                }

                var batch = run.HandOut(index, end);
                deliveries.AddRange(batch);
                listeners.CheckReadable(run, index, end);
                var (consumed, isLate) = await TryAsync(run, batch, deliveries, cancellationToken);
                listeners.CheckReadable(run, index, end);
                listeners.Consumed(run, index, index + consumed);
                for (var failed = index + consumed; failed < end; failed++)
                {
                    failures.Add(isLate
                        ? FailedMessage.TimedOut(failed, call.ConsumeTimeout)
                        : new FailedMessage(failed, 0, "failed", "test"));
                }

                if (consumed == batch.Count && listeners.SayOfOne(run, batch, index, call.InOrder) is { } said)
                {
                    failures.Add(said);
                }

                listeners.GiveUp(run, call.Messages[(index + consumed)..end], 1);
                late += isLate ? end - index : 0;
                index = end;
                if (isLate || (call.InOrder && failures.Count > 0) || run.Queue.Now - began > call.TimeLimit)
                {
                    break;
                }
            }

            // In order, only the first that failed is to blame; what is rejected is no failure that anybody counts.
            var isHeard = !cancellationToken.IsCancellationRequested && !failures.Exists(static failure => failure.IsRejected);
            listeners.Failed(run, failures.Select(failure => failure.Index), isHeard ? 1 : 0);
            listeners.ThrowIfUnheard(run, failures.Count == 0 ? index : 0);
            return new ListenerOutcome(index, run.Queue.Now - began, failures.Count > 0 ? failures : null) { TimedOut = late };
        }

        /// <summary>A worker that never reaches its listener must not take message after message from the others.</summary>
        private void Reach(MemberQueue queue)
        {
            try
            {
                if (slot is { } number)
                {
                    listeners.ThrowIfGone(number);
                }

                listeners.ThrowIfUnreachable(queue, 30);
                _unreached = 0;
            }
            catch (InvalidOperationException) when (slot is not null)
            {
                _unreachedSince = _unreached++ == 0 ? queue.Now : _unreachedSince;
                if (_unreached > MostUnreached + ((queue.Now - _unreachedSince) / Member.RetryInterval))
                {
                    queue.Ledger.Fail(UnreachedWaits, $"slot {slot} of {queue.Name} has tried {_unreached} times since {_unreachedSince}");
                }

                throw;
            }
        }

        private async Task<(int Consumed, bool IsLate)> TryAsync(
            Call run, List<Delivery> batch, List<Delivery> deliveries, CancellationToken cancellationToken)
        {
            var began = run.Queue.Now;
            try
            {
                return await listeners.ConsumeAsync(run, batch, cancellationToken);
            }
            finally
            {
                // Nobody waits for the outcome any more, of the batches before neither.
                if (IsUnheard(run, began, cancellationToken))
                {
                    foreach (var delivery in deliveries.Where(delivery => delivery.End == DeliveryEnd.Done))
                    {
                        delivery.End = DeliveryEnd.Unheard;
                    }
                }
            }
        }
    }

    private void ThrowIfGone(int slot)
    {
        if (world.Strikes(FaultKind.ListenerGone, slot % world.Queues.Count, 100))
        {
            throw new InvalidOperationException("the listener is gone");
        }
    }

    // The answer of a listener is lost: it has consumed what nobody knows of.
    private void ThrowIfUnheard(Call call, int consumed)
    {
        if (consumed > 0 && world.Strikes(FaultKind.ListenerUnreachable, call.Queue.Queue.Index, 10))
        {
            call.Queue.Ledger.Unheard(call.Messages.Slice(0, consumed));
            throw new LostCallException("the listener's answer is lost");
        }
    }
}
