using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Engine.Window;

/// <summary>
/// When the batch of a listener's call ends: at so many messages, at so many bytes, or some time after its first message came.
/// Immutable.
/// </summary>
/// <param name="Messages">So many messages are a batch.</param>
/// <param name="Bytes">So many bytes of bodies are a batch; it does not go beyond them, one message may.</param>
/// <param name="Wait">How long its first message waits for others.</param>
/// <param name="MostHeld">A queue that holds so many messages pulls no more: then none waits.</param>
/// <param name="Time">The clock.</param>
internal sealed record BatchRule(int Messages, long Bytes, TimeSpan Wait, int MostHeld, TimeProvider Time)
{
    private readonly long _wait = (long)(Wait.TotalSeconds * Time.TimestampFrequency);

    /// <summary>The clock's time stamp now.</summary>
    public long Now => Time.GetTimestamp();

    /// <summary>That of a group; null when its batches are what is there.</summary>
    /// <param name="options">Of the group.</param>
    /// <param name="time">The clock.</param>
    /// <param name="mostHeld">A queue of it that holds so many messages gets no more.</param>
    public static BatchRule? Of(ConsumerOptions options, TimeProvider time, int mostHeld = int.MaxValue)
        => options.BatchMaxWait == TimeSpan.Zero && options.BatchMaxBytes is null ? null : new(
            options.ConsumeBatchSize,
            options.BatchMaxBytes ?? long.MaxValue,
            options.BatchMaxWait,
            Math.Min(mostHeld, Math.Min(options.PullThresholdForQueue, options.MaxCachedMessagesPerQueue)),
            time);

    /// <summary>When a batch is handed out at the latest whose first message came at a time stamp.</summary>
    public long DueOf(long arrived) => arrived + _wait;

    /// <summary>How long until then; not below zero.</summary>
    public TimeSpan Until(long due) => Now is var now && due > now ? Time.GetElapsedTime(now, due) : TimeSpan.Zero;
}
