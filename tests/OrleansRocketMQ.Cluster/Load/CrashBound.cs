using System.Globalization;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>How many messages may come twice when a silo is killed.</summary>
/// <param name="InFlight">Messages that can be with its listeners, or pulled in the answer that tells the broker how far the queue is.</param>
/// <param name="MessagesPerSecond">What the silo consumes.</param>
/// <param name="ToldEvery">How often it tells somebody else what it has consumed.</param>
internal sealed record CrashBound(int InFlight, double MessagesPerSecond, TimeSpan ToldEvery)
{
    public int Most => InFlight + (int)Math.Ceiling(MessagesPerSecond * ToldEvery.TotalSeconds);

    /// <summary>One line about a kill.</summary>
    public string Describe(int kill, int duplicates, TimeSpan pause) => string.Create(
        CultureInfo.InvariantCulture, $"kill {kill}: {duplicates} duplicates of at most {Most}, longest pause of a queue {pause.TotalMilliseconds:F0} ms");
}
