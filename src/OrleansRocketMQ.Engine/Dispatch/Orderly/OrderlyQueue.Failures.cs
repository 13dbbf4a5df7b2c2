using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>What does not succeed: counted, given up, parked, or tried again after a pause.</summary>
internal sealed partial class OrderlyQueue
{
    /// <summary>Decides about a batch that did not succeed.</summary>
    private async Task HandleAsync(ProcessQueueRange batch, OrderlyOutcome result, FailedBatch stopped, QueueLease ownership)
    {
        var pause = PauseOf(result, stopped, batch.Messages[0]);
        if (stopped.IsRollback)
        {
            _backlog.PutBack(batch);
            _backlog.Rollback();
            _resumeAt = Now + pause;
            return;
        }

        var listenerTime = result.Succeeded > 0 ? TimeSpan.Zero : result.ListenerTime;
        _pump.Statistics.Count(batch.Messages, failures: batch.Messages.Count, listenerTime, stopped.ErrorType);
        if (stopped.StopsQueue)
        {
            _pump.StopAt(Options.Group, batch.Messages[0], stopped.Error, _group.Logger);
            _backlog.PutBack(batch);
            return;
        }

        var left = await FailAsync(RangeSplitter.Singles(batch), result, ownership, stopped.AutoCommit);
        if (left.Count == 0)
        {
            return;
        }

        // Behind one that was refused there may be one of another key that has its time.
        var mayPark = Parks && stopped is not { IsRefused: true, RetryAfter: not null };
        if (mayPark && _backlog.Parked.TryPark(left, Now + pause))
        {
            SetAside(left);
            Log.Parked(_group.Logger, Options.Group, _pump.Queue, left[0].Messages[0].ShardingKey!, left[0].Messages[0].MessageId);
            return;
        }

        _backlog.PutBack(RangeSplitter.Join(batch, left));
        _resumeAt = Now + pause;
    }

    /// <summary>
    /// Counts what has failed in a call before a broker is asked to take any of its messages: brokers may take their time, and
    /// whoever goes on with the queue if this member dies is to know of all failures. What dies for a reason is not counted.
    /// </summary>
    private void CountFailures(ArraySegment<MessageExt> messages, OrderlyOutcome result, QueueLease ownership)
    {
        if (result.Stopped is not { } stopped || !Counts(stopped) || ownership.Listening.IsCancellationRequested)
        {
            return;
        }

        for (var index = result.Succeeded; index < result.Succeeded + stopped.Count; index++)
        {
            if (result.FailureOf(index).Reason is null)
            {
                _failures.Count(messages[index]);
            }
        }
    }

    private static bool Counts(FailedBatch stopped) => stopped is { IsRollback: false, StopsQueue: false };

    /// <summary>
    /// What has failed too often, or is to die for a reason, goes to the dead letters and is done. Gives back the rest.
    /// </summary>
    /// <param name="singles">The messages behind those that succeeded; their failures are counted.</param>
    /// <param name="result">What became of the call.</param>
    /// <param name="ownership">The queue's lease.</param>
    /// <param name="commits">Whether what waits for a commit is done when all of them are.</param>
    private async Task<List<ProcessQueueRange>> FailAsync(
        ProcessQueueRange[] singles, OrderlyOutcome result, QueueLease ownership, bool commits)
    {
        var failed = singles.Select((single, index) => (Single: single, Failure: result.FailureOf(result.Succeeded + index))).ToArray();
        // What was behind one that was refused comes again already: should a broker take it now, that would be for nothing.
        var mayFile = result.Stopped is not { IsRefused: true };
        if (mayFile && Array.Exists(failed, one => IsLast(one.Single, one.Failure)))
        {
            await _failures.SaveAsync(_pump.Runs.Window.Snapshot);
        }

        var left = new List<ProcessQueueRange>(singles.Length);
        foreach (var (single, failure) in failed)
        {
            var endsAll = left.Count == 0 && single.Place == singles[^1].Place;
            if (mayFile && IsLast(single, failure) && await FileAsync(single, failure, ownership, commits && endsAll))
            {
                continue;
            }

            if (failure.Reason is not null)
            {
                _failures.Count(single.Messages[0]);
            }

            _pump.Statistics.Metrics?.Retried(1);
            left.Add(single);
        }

        return left;
    }

    /// <summary>Whether a message that failed does not come again: its failure is counted, but for one that dies for a reason.</summary>
    private bool IsLast(ProcessQueueRange single, FailedMessage failure)
        => failure.Reason is not null || _failures.Of(single.Messages[0]) > _group.Retry.Rules.MaxReconsumeTimes;

    private TimeSpan PauseOf(OrderlyOutcome result, FailedBatch stopped, MessageExt first)
    {
        // A broker's word is about how often it had failed before.
        var counted = Counts(stopped) && result.FailureOf(result.Succeeded).Reason is null ? 1 : 0;
        var broker = stopped.Pause is null ? _group.Retry.Rules.DelayAfter(_failures.Of(first) - counted) : null;
        if ((stopped.RetryAfter ?? broker) is { } exactly)
        {
            return exactly;
        }

        var pause = stopped.Pause ?? Options.SuspendCurrentQueueTime;
        return pause < LeastPause ? LeastPause : pause > MostPause ? MostPause : pause;
    }
}
