using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Simulation.Checking;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>Listeners in order.</summary>
internal sealed partial class SimulatedListeners
{
    /// <summary>Decides what is committed, too, where the group does not commit by itself.</summary>
    private sealed class QueueListener(SimulatedListeners listeners) : IQueueListener
    {
        private readonly List<Delivery> _uncommitted = [];
        private WindowRecord? _window;
        private int _batches;

        public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => listeners.IsReadyAsync();

        public Task QueueLeftAsync() => Task.CompletedTask;

        public Task<OrderlyOutcome> ConsumeAsync(in OrderlyCall call, CancellationToken cancellationToken)
            => RunAsync(call, cancellationToken);

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
            var (index, committed, batches) = (0, 0, 0);
            FailedBatch? stopped = null;
            while (index < call.Messages.Count && stopped is null && call.Ownership is not { IsValid: false })
            {
                var end = Math.Min(index + call.BatchSize, call.Messages.Count);
                var batch = run.HandOut(index, end);
                batches++;
                if ((await listeners.ConsumeAsync(run, batch, cancellationToken)).Consumed < batch.Count)
                {
                    // Of an ordered batch all or nothing counts.
                    batch.ForEach(delivery => run.Queue.Ledger.TakeBack(delivery));
                    var isHeard = !cancellationToken.IsCancellationRequested && call.Ownership is not { IsValid: false };
                    listeners.Failed(run, Enumerable.Range(index, batch.Count), isHeard ? batch.Count : 0);
                    listeners.GiveUp(run, call.Messages[index..end], 1);
                    stopped = new FailedBatch(batch.Count, IsRollback: false, Pause: null, call.AutoCommit, "failed", "test");
                    break;
                }

                if (cancellationToken.IsCancellationRequested)
                {
                    break;
                }

                listeners.Consumed(run, index, end);
                (index, committed, stopped) = Decide(call, run, batch, (index, end, committed));
                if (run.Queue.Now - began > call.TimeLimit)
                {
                    break;
                }
            }

            return new OrderlyOutcome(index, committed, stopped, batches, run.Queue.Now - began);
        }

        private (int Index, int Committed, FailedBatch? Stopped) Decide(
            OrderlyCall call, Call run, List<Delivery> batch, (int Index, int End, int Committed) at)
        {
            if (call.AutoCommit || !call.MayDecideCommit)
            {
                return (at.End, at.End, null);
            }

            _batches++;
            if (_batches % 19 == 0)
            {
                batch.ForEach(delivery => run.Queue.Ledger.TakeBack(delivery));
                _uncommitted.ForEach(delivery => run.Queue.Ledger.TakeBack(delivery));
                _uncommitted.Clear();
                return (at.Index, at.Committed, new FailedBatch(batch.Count, IsRollback: true, Pause: null, AutoCommit: false, null));
            }

            _uncommitted.AddRange(batch);
            if (_batches % 3 != 0 && at.End < call.Messages.Count)
            {
                // The next ones are here already, with which these are committed.
                batch.ForEach(delivery => run.Queue.Ledger.Ended(delivery, DeliveryEnd.Uncommitted));
                return (at.End, at.Committed, null);
            }

            _uncommitted.ForEach(delivery => run.Queue.Ledger.Ended(delivery, DeliveryEnd.Done));
            _uncommitted.Clear();
            return (at.End, at.End, null);
        }
    }
}
