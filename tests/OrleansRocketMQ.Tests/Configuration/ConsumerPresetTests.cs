using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Configuration;

public sealed class ConsumerPresetTests
{
    [Fact]
    public void High_throughput_takes_many_messages_at_a_time()
    {
        var options = Of(consumer => consumer.UseHighThroughput());

        Assert.Equal((64, 256, 32, 256), (options.ConsumeThreadMin, options.ConsumeThreadMax, options.ConsumeBatchSize, options.PullBatchSize));
        Assert.Equal((4000, 256L << 20, 8000), (options.PullThresholdForQueue, options.PullThresholdBytesForQueue, options.ConsumeMaxSpan));
        Assert.Equal((0, 10), (options.PullInterval.TotalSeconds, options.PersistInterval.TotalSeconds));
    }

    [Fact]
    public void Low_latency_waits_for_nothing()
    {
        var options = Of(consumer => consumer.Configure(before => before.PullInterval = TimeSpan.FromSeconds(1)).UseLowLatency());

        Assert.Equal((64, 256, 1, 32), (options.ConsumeThreadMin, options.ConsumeThreadMax, options.ConsumeBatchSize, options.PullBatchSize));
        Assert.Equal((0, 0.2, 1), (options.PullInterval.TotalSeconds, options.RetryInterval.TotalSeconds, options.PersistInterval.TotalSeconds));
    }

    [Fact]
    public void Low_memory_keeps_little_waiting()
    {
        var options = Of(consumer => consumer.UseLowMemory());

        Assert.Equal((2, 8, 1, 8), (options.ConsumeThreadMin, options.ConsumeThreadMax, options.ConsumeBatchSize, options.PullBatchSize));
        Assert.Equal((64, 4L << 20, 256), (options.PullThresholdForQueue, options.PullThresholdBytesForQueue, options.ConsumeMaxSpan));
    }

    [Fact]
    public void Simple_is_one_message_at_a_time()
    {
        var options = Of(consumer => consumer.UseSimple());

        Assert.Equal((1, 1, 1), (options.ConsumeThreadMin, options.ConsumeThreadMax, options.ConsumeBatchSize));
    }

    [Fact]
    public void What_is_configured_after_a_preset_counts_and_configuration_has_the_last_word()
    {
        var options = Of(
            consumer => consumer.UseHighThroughput().Configure(after => (after.ConsumeBatchSize, after.PullBatchSize) = (8, 8)),
            new Dictionary<string, string?> { ["RocketMQ:Consumers:g:PullBatchSize"] = "9" });

        Assert.Equal((8, 9, 256), (options.ConsumeBatchSize, options.PullBatchSize, options.ConsumeThreadMax));
    }

    // Checked as at the start of a silo: a preset that is out of range would throw.
    private static ConsumerOptions Of(Action<ConsumerBuilder> configure, Dictionary<string, string?>? settings = null)
    {
        using var silo = BuiltSilo.With(
            builder => builder.AddConsumer<ScriptedListener>("g", consumer => configure(consumer.Subscribe("t"))), settings);
        return silo.Only;
    }
}
