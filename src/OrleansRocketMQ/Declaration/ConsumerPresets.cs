using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Hosting;

/// <summary>
/// Settings that go well together, as a start for one's own: each sets only what it says, what is configured after it
/// counts, and configuration and environment override both.
/// </summary>
public static class ConsumerPresets
{
    private const long Mebibyte = 1024 * 1024;

    /// <summary>
    /// Many messages a second, each of them later: 64 to 256 listener calls at once, 32 messages a call, pulls of 256, up to
    /// 4000 messages or 256 MiB waiting per queue, 64,000 or 1 GiB per topic, 256,000 in all, offsets every 10 s. Brokers
    /// give 32 a pull at most unless told otherwise
    /// (<c>maxTransferCountOnMessageInMemory</c>).
    /// </summary>
    public static ConsumerBuilder UseHighThroughput(this ConsumerBuilder builder) => Set(builder, options =>
    {
        (options.ConsumeThreadMin, options.ConsumeThreadMax) = (64, 256);
        (options.ConsumeBatchSize, options.PullBatchSize) = (32, 256);
        options.PullInterval = TimeSpan.Zero;
        (options.PullThresholdForQueue, options.PullThresholdBytesForQueue) = (4000, 256 * Mebibyte);
        options.MaxCachedMessagesPerQueue = 4000;
        (options.PullThresholdForTopic, options.PullThresholdBytesForTopic) = (64_000, 1024 * Mebibyte);
        options.PullThresholdForAll = 256_000;
        options.ConsumeMaxSpan = 8000;
        options.PersistInterval = TimeSpan.FromSeconds(10);
    });

    /// <summary>
    /// Each message as soon as can be: 64 to 256 listener calls at once, one message a call, no pause between pulls, 200 ms
    /// before trying again, offsets every second.
    /// </summary>
    public static ConsumerBuilder UseLowLatency(this ConsumerBuilder builder) => Set(builder, options =>
    {
        (options.ConsumeThreadMin, options.ConsumeThreadMax) = (64, 256);
        (options.ConsumeBatchSize, options.PullBatchSize) = (1, 32);
        options.PullInterval = TimeSpan.Zero;
        options.RetryInterval = TimeSpan.FromMilliseconds(200);
        options.PersistInterval = TimeSpan.FromSeconds(1);
    });

    /// <summary>
    /// Little memory: 2 to 8 listener calls at once, one message a call, pulls of 8, up to 64 messages or 4 MiB waiting per
    /// queue, 1000 or 16 MiB per topic, 2000 in all, and a span of 256.
    /// </summary>
    public static ConsumerBuilder UseLowMemory(this ConsumerBuilder builder) => Set(builder, options =>
    {
        (options.ConsumeThreadMin, options.ConsumeThreadMax) = (2, 8);
        (options.ConsumeBatchSize, options.PullBatchSize) = (1, 8);
        (options.PullThresholdForQueue, options.PullThresholdBytesForQueue) = (64, 4 * Mebibyte);
        (options.MaxCachedMessagesPerQueue, options.MaxCachedBytesPerQueue) = (64, 4 * Mebibyte);
        (options.PullThresholdForTopic, options.PullThresholdBytesForTopic) = (1000, 16 * Mebibyte);
        options.PullThresholdForAll = 2000;
        options.ConsumeMaxSpan = 256;
    });

    /// <summary>The least to think about: on each silo one listener call at a time, with one message.</summary>
    public static ConsumerBuilder UseSimple(this ConsumerBuilder builder) => Set(builder, options =>
    {
        (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1);
        options.ConsumeBatchSize = 1;
    });

    private static ConsumerBuilder Set(ConsumerBuilder builder, Action<ConsumerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Configure(configure);
    }
}
