namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>Sees to it that somebody looks at a queue when the messages that gather there are due.</summary>
internal static class BatchWatch
{
    /// <summary>Tells the dispatcher of the queue at that time, unless somebody does already.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="due">When, as a time stamp of the clock.</param>
    /// <param name="signal">Tells of the queue.</param>
    public static void Watch(IDispatchedQueue queue, long due, Action<IDispatchedQueue> signal)
    {
        if (queue.Runs.TryWatch(due))
        {
            queue.Track(SignalAtAsync(queue, due, signal));
        }
    }

    private static async Task SignalAtAsync(IDispatchedQueue queue, long due, Action<IDispatchedQueue> signal)
    {
        var rule = queue.Runs.Rule!;
        try
        {
            // Timers count whole milliseconds.
            while (rule.Until(due) is var left && left > TimeSpan.Zero)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), rule.Time, queue.Stopping);
            }
        }
        catch (OperationCanceledException)
        {
            // The queue stops; what has gathered is nobody's.
            return;
        }

        queue.Runs.EndWatch(due);
        signal(queue);
    }
}
