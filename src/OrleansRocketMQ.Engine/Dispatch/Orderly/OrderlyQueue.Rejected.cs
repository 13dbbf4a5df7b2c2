using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>Messages that are dead letters by the listener's own word.</summary>
internal sealed partial class OrderlyQueue
{
    /// <summary>
    /// Files what the listener has rejected among the messages that are done; what waits for a commit is done with it, if it is.
    /// </summary>
    /// <param name="at">The message at a place of the call.</param>
    /// <param name="result">What became of the call.</param>
    /// <param name="ownership">The queue's lease.</param>
    private async Task<OrderlyOutcome> FileRejectedAsync(Func<int, ProcessQueueRange> at, OrderlyOutcome result, QueueLease ownership)
    {
        if (result.Rejected[0].Index < result.Succeeded)
        {
            await _failures.SaveAsync(_pump.Runs.Window.Snapshot);
        }

        foreach (var rejected in result.Rejected.TakeWhile(rejected => rejected.Index < result.Succeeded))
        {
            if (!await FileAsync(at(rejected.Index), result.FailureOf(rejected.Index), ownership, commits: result.Committed > 0))
            {
                return StopAt(rejected, result);
            }
        }

        return result;
    }

    /// <summary>
    /// No broker takes what the listener has rejected: the call has come to it and no further. It has failed, and all behind it
    /// comes again, and not before its time. That what is before it may be committed holds.
    /// </summary>
    private OrderlyOutcome StopAt(RejectedMessage rejected, OrderlyOutcome result)
    {
        if (result.Committed > 0)
        {
            Commit(default);
        }

        return result with
        {
            Succeeded = rejected.Index,
            Committed = Math.Min(result.Committed, rejected.Index),
            Stopped = new(1, IsRollback: false, Pause: null, Options.AutoCommit, rejected.Reason, ErrorTypes.Rejected)
            {
                RetryAfter = result.Stopped?.RetryAfter,
                IsRefused = true,
            },
        };
    }

    /// <summary>Files a message under dead letters; whether somebody has it, so that it is done.</summary>
    /// <param name="single">The message.</param>
    /// <param name="failure">What it failed with.</param>
    /// <param name="ownership">The queue's lease.</param>
    /// <param name="commits">
    /// Whether what waits for a commit is done with it, and not behind it: a queue that stops may end with the last lease.
    /// </param>
    private async Task<bool> FileAsync(ProcessQueueRange single, FailedMessage failure, QueueLease ownership, bool commits)
    {
        var message = single.Messages[0];

        // What dies for a reason is not counted.
        var times = _failures.Of(message) + (failure.Reason is null ? 0 : 1);
        var cause = failure.ToCause(times, _group.Runtime.Time.GetUtcNow(), _failures.FirstOf(message));
        var outcome = await _group.Retry.SendToDeadLettersAsync(
            _pump.Queue, message, Math.Max(times - 1, _group.Retry.Rules.MaxReconsumeTimes), ownership.Listening, cause);
        if (outcome == PublishOutcome.NotTaken)
        {
            return false;
        }

        Log.DeadLetter(_group.Logger, message.MessageId, Options.Group, times);
        _pump.Statistics.CountPublished(outcome, asDead: true);
        if (commits)
        {
            Commit(single);
        }
        else
        {
            Complete(single);
        }

        return true;
    }

    /// <summary>Messages have succeeded; what of them was filed under dead letters is done already.</summary>
    /// <param name="range">The messages.</param>
    /// <param name="committed">How many of them may be committed; if any, then all before them too.</param>
    /// <param name="isWhole">Whether none was filed.</param>
    private void Succeed(ProcessQueueRange range, int committed, bool isWhole)
    {
        var (now, later) = (range.Slice(0, committed), range.Slice(committed, range.Messages.Count - committed));
        if (isWhole)
        {
            if (committed > 0)
            {
                Commit(now);
            }

            _backlog.KeepUncommitted(later);
            return;
        }

        if (committed > 0)
        {
            Commit(default);
        }

        foreach (var part in RangeSplitter.Join(now, RangeSplitter.Singles(now).Where(IsLeased)))
        {
            Complete(part);
        }

        foreach (var part in RangeSplitter.Join(later, RangeSplitter.Singles(later).Where(IsLeased)))
        {
            _backlog.KeepUncommitted(part);
        }
    }
}
