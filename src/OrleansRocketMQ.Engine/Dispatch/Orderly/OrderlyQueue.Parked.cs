using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>Parked keys, and the end of leases that a failed step has left behind.</summary>
internal sealed partial class OrderlyQueue
{
    private async Task ConsumeParkedAsync(ParkedKey key, ProcessQueueRange[] tried, QueueLease ownership)
    {
        if (tried.Length == 0)
        {
            return;
        }

        var messages = tried.Select(static single => single.Messages[0]).ToArray();
        var result = await CallAsync(messages, ownership);
        if (result is null || !ownership.IsValid)
        {
            SetAside(tried);
            _backlog.Parked.Settle(key, 0, [], Now + Options.RetryInterval);
            return;
        }

        CountFailures(messages, result, ownership);
        if (result.Rejected.Count > 0)
        {
            result = await FileRejectedAsync(index => tried[index], result, ownership);
        }

        var listenerTime = CompleteParked(tried.AsSpan(0, result.Succeeded), result.ListenerTime);
        var due = Now;
        IReadOnlyList<ProcessQueueRange> left = tried[result.Succeeded..];
        if (result.Stopped is { } stopped && !ownership.Listening.IsCancellationRequested)
        {
            var end = result.Succeeded + stopped.Count;
            foreach (var single in tried[result.Succeeded..end])
            {
                _pump.Statistics.Count(single.Messages, failures: 1, listenerTime, stopped.ErrorType);
                listenerTime = TimeSpan.Zero;
            }

            if (stopped.StopsQueue)
            {
                _pump.StopAt(Options.Group, tried[result.Succeeded].Messages[0], stopped.Error, _group.Logger);
            }
            else
            {
                var pause = PauseOf(result, stopped, tried[result.Succeeded].Messages[0]);
                var failed = await FailAsync(tried[result.Succeeded..end], result, ownership, commits: false);
                due = failed.Count > 0 ? Now + pause : Now;
                left = [.. failed, .. tried[end..]];
            }
        }

        SetAside(left);
        _backlog.Parked.Settle(key, tried.Length, left, due);
        await _failures.SaveAsync(_pump.Runs.Window.Snapshot);
        _pump.OnProgress();
    }

    /// <summary>Messages of a parked key have succeeded; those of them that were rejected are filed already.</summary>
    /// <returns>The time of the listener that is not counted yet.</returns>
    private TimeSpan CompleteParked(ReadOnlySpan<ProcessQueueRange> succeeded, TimeSpan listenerTime)
    {
        foreach (var single in succeeded)
        {
            var isOpen = IsLeased(single);
            _pump.Statistics.Count(single.Messages, failures: isOpen ? 0 : 1, listenerTime, ErrorTypes.Rejected);
            listenerTime = TimeSpan.Zero;
            if (isOpen)
            {
                Complete(single);
            }
        }

        return listenerTime;
    }

    private static bool IsLeased(ProcessQueueRange single) => single.Window.IsLeased(single.Place);

    private static void SetAside(IEnumerable<ProcessQueueRange> ranges)
    {
        foreach (var range in ranges)
        {
            range.Window.SetAside(range);
        }
    }

    /// <summary>A step has failed on its way: what it had leased and not dealt with comes again.</summary>
    private void EndLeases()
    {
        var (range, parked) = (_inWork, _parkedInWork);
        (_inWork, _parkedInWork) = (default, []);
        if (!range.IsEmpty)
        {
            _backlog.PutBack(RangeSplitter.Join(range, RangeSplitter.Singles(range).Where(IsLeased)));
        }

        SetAside(parked.Where(IsLeased));
    }
}
