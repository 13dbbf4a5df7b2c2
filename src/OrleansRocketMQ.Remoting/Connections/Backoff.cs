namespace OrleansRocketMQ.Connections;

/// <summary>Waiting times that double with each failure and differ between members, so that they do not all come back at once.</summary>
internal static class Backoff
{
    /// <summary>A random time between half of and the full wait for the given number of failures in a row (1 or more).</summary>
    /// <param name="failures">Failures on end.</param>
    /// <param name="first">The full wait after the first.</param>
    /// <param name="most">The longest full wait.</param>
    /// <param name="random">Chance; null: the process's own.</param>
    public static TimeSpan Next(int failures, TimeSpan first, TimeSpan most, Random? random = null)
    {
        var doublings = Math.Clamp(failures - 1, 0, 30);
        var full = Math.Min(most.TotalMilliseconds, first.TotalMilliseconds * Math.Pow(2, doublings));
        return TimeSpan.FromMilliseconds(full * (0.5 + ((random ?? Random.Shared).NextDouble() / 2)));
    }
}
