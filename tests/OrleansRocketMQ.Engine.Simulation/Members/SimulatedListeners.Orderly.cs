using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Simulation.Checking;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>Listeners in order.</summary>
internal sealed partial class SimulatedListeners
{
    /// <summary>What a listener in order says of a batch that it has consumed.</summary>
    private enum Verdict
    {
        Commit,
        Keep,
        Rollback,
    }

    /// <summary>Decides what is committed, too, where the group does not commit by itself.</summary>
    private sealed class QueueListener(SimulatedListeners listeners) : IQueueListener
    {
        private readonly List<Delivery> _uncommitted = [];
        private readonly SwallowedCalls<OrderlyOutcome> _swallowed = new();
        private WindowRecord? _window;
        private int _batches;

        public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => listeners.IsReadyAsync();

        public Task QueueLeftAsync() => Task.CompletedTask;

        public Task<OrderlyOutcome> ConsumeAsync(in OrderlyCall call, CancellationToken cancellationToken)
            => _swallowed.SendAsync(RunAsync(call, cancellationToken), call.Renewable!.Value, cancellationToken);

        public Task<CallWord<OrderlyOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken) => _swallowed.AskAsync(call);

        private async Task<OrderlyOutcome> RunAsync(OrderlyCall call, CancellationToken cancellationToken)
        {
            var run = listeners.Begin(
                call.Queue, call.Messages, index => call.ReconsumeTimes?[index] ?? call.Messages[index].ReconsumeTimes);
            if (_window != run.Window)
            {
                _uncommitted.Clear();
                _window = run.Window;
            }

            listeners.ThrowIfUnreachable(run.Queue, 30);
            var began = run.Queue.Now;
            var at = new Progress(0, 0, null, []);
            var batches = 0;
            while (at.Done < call.Messages.Count && !at.IsAtEnd && call.Ownership is not { IsValid: false })
            {
                var end = Math.Min(at.Done + call.BatchSize, call.Messages.Count);
                var batch = run.HandOut(at.Done, end);
                batches++;
                var isConsumed = (await listeners.ConsumeAsync(run, batch, cancellationToken)).Consumed == batch.Count;
                if (!isConsumed)
                {
                    // Of an ordered batch all or nothing counts.
                    batch.ForEach(delivery => run.Queue.Ledger.TakeBack(delivery));
                }
                else if (cancellationToken.IsCancellationRequested)
                {
                    break;
                }

                var isHeard = !cancellationToken.IsCancellationRequested && call.Ownership is not { IsValid: false };
                at = Judge(call, run, batch, at, isConsumed, isHeard);
                if (run.Queue.Now - began > call.TimeLimit)
                {
                    break;
                }
            }

            return new OrderlyOutcome(at.Done, at.Committed, at.Stopped, batches, run.Queue.Now - began) { Rejected = at.Rejected };
        }

        /// <summary>How far the call is after a batch, by what its listener says of it and of single messages in it.</summary>
        private Progress Judge(OrderlyCall call, Call run, List<Delivery> batch, Progress at, bool isConsumed, bool isHeard)
        {
            // What comes again after all is to be committed anew.
            _uncommitted.RemoveAll(static delivery => delivery.Entry.Last != delivery);
            var autoCommit = call.AutoCommit || !call.MayDecideCommit;
            var verdict = autoCommit ? Verdict.Commit
                : !isConsumed ? Verdict.Keep
                : Decide(isLast: at.Done + batch.Count == call.Messages.Count);
            if (verdict == Verdict.Rollback)
            {
                batch.ForEach(delivery => run.Queue.Ledger.TakeBack(delivery));
                _uncommitted.ForEach(delivery => run.Queue.Ledger.TakeBack(delivery));
                _uncommitted.Clear();
                return at with { Stopped = new(batch.Count, IsRollback: true, Pause: null, AutoCommit: false, null) };
            }

            var words = OrderlyWords.Of(batch.Count, isHeard ? listeners.WordsFor(batch.Count) : [], isConsumed, autoCommit);
            listeners.Apply(words, run, batch, at.Done, isHeard);
            if (words.Done > 0)
            {
                _uncommitted.AddRange(batch.Take(words.Done).Where((_, index) => !words.IsRejected(index)));
                _uncommitted.ForEach(
                    delivery => run.Queue.Ledger.Ended(delivery, verdict == Verdict.Commit ? DeliveryEnd.Done : DeliveryEnd.Uncommitted));
            }

            if (verdict == Verdict.Commit && words.Done > 0)
            {
                _uncommitted.Clear();
            }

            var done = at.Done + words.Done;
            return new Progress(
                done, verdict == Verdict.Commit && words.Done > 0 ? done : at.Committed, words.Stopped, words.RejectedFrom(at.Done));
        }

        private Verdict Decide(bool isLast)
        {
            _batches++;

            // When the next ones are here already, these are committed with them.
            return _batches % 19 == 0 ? Verdict.Rollback : _batches % 3 == 0 || isLast ? Verdict.Commit : Verdict.Keep;
        }
    }

    /// <summary>How far a call in order is.</summary>
    /// <param name="Done">How many of its messages are done.</param>
    /// <param name="Committed">How many of those may be committed.</param>
    /// <param name="Stopped">What does not succeed behind them; null when nothing does not.</param>
    /// <param name="Rejected">Those that are to be dead letters.</param>
    private sealed record Progress(int Done, int Committed, FailedBatch? Stopped, IReadOnlyList<RejectedMessage> Rejected)
    {
        /// <summary>Whether it ends there.</summary>
        public bool IsAtEnd => Stopped is not null || Rejected.Count > 0;
    }
}
