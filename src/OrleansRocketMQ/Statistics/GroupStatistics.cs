namespace OrleansRocketMQ.Statistics;

/// <summary>What one group did on this silo since it started. Thread-safe.</summary>
internal sealed class GroupStatistics(TimeProvider time)
{
    private long _consumed;
    private long _failed;
    private long _sentBack;

    /// <summary>From the producer's clock to the end of the listener's work.</summary>
    public LatencyHistogram BornToConsumed { get; } = new();

    public long Consumed => Interlocked.Read(ref _consumed);

    public long Failed => Interlocked.Read(ref _failed);

    public long SentBack => Interlocked.Read(ref _sentBack);

    public void CountConsumed(ReadOnlySpan<MessageExt> messages, int failures)
    {
        Interlocked.Add(ref _consumed, messages.Length - failures);
        if (failures > 0)
        {
            Interlocked.Add(ref _failed, failures);
        }

        // Messages of one run are mostly of one age; those with the same time stamp are counted together.
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var index = 0;
        while (index < messages.Length)
        {
            var born = messages[index].BornTimestamp;
            var same = 1;
            while (index + same < messages.Length && messages[index + same].BornTimestamp == born)
            {
                same++;
            }

            BornToConsumed.Record((now - born) * 1000, same);
            index += same;
        }
    }

    public void CountSentBack() => Interlocked.Increment(ref _sentBack);
}
