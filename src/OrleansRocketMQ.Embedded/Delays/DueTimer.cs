using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Embedded.Delays;

/// <summary>Sets a timer to a time of day.</summary>
internal static class DueTimer
{
    // Timers take no more than 49 days.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);
    private static readonly TimeSpan Unnoticed = TimeSpan.FromSeconds(1);

    /// <summary>Sets the timer unless the time has come.</summary>
    /// <returns>Whether it is to come.</returns>
    public static bool Waits(ITimer timer, long due, MessageStore store)
    {
        while (Left() is var left && left > TimeSpan.Zero)
        {
            timer.Change(left < LongestWait ? left : LongestWait, Timeout.InfiniteTimeSpan);

            // A clock that was set ahead between the two lets the timer count from where it is now: it would come that much too late.
            if (left - Left() < Unnoticed)
            {
                return true;
            }
        }

        return false;

        TimeSpan Left() => TimeSpan.FromMilliseconds(due - store.Now);
    }
}
