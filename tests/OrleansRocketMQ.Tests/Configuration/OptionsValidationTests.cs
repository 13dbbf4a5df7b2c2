using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Tests.Configuration;

public sealed class OptionsValidationTests
{
    public static TheoryData<string, Action<ConsumerOptions>> Wrong => new()
    {
        { "Group", options => options.Group = "" },
        { "Group", options => options.Group = "not allowed!" },
        { "Group", options => options.Group = new string('g', 256) },
        { "Topic", options => options.Subscriptions[new string('t', 128)] = MessageSelector.All },
        { "Topic", options => options.Subscriptions["a b"] = MessageSelector.All },
        { "Subscriptions", options => options.Subscriptions.Clear() },
        { "Listener", options => options.Listener = null },
        { "Listener", options => options.Listener = typeof(string) },
        { "NameServer", options => options.NameServer = "nowhere" },
        { "NameServer", options => options.NameServer = "host:99999" },
        { "ConsumeFromWhere", options => options.ConsumeFromWhere = (ConsumeFromWhere)17 },
        { "ConsumeThreadMin", options => options.ConsumeThreadMin = 0 },
        { "ConsumeThreadMax", options => options.ConsumeThreadMax = 19 },
        { "ConsumeThreadMax", options => options.ConsumeThreadMax = 1001 },
        { "ConsumeBatchSize", options => options.ConsumeBatchSize = -1 },
        { "ConsumeBatchSize", options => options.ConsumeBatchSize = 1025 },
        { "PullBatchSize", options => options.PullBatchSize = 0 },
        { "PullInterval", options => options.PullInterval = TimeSpan.FromSeconds(-1) },
        { "PullSuspendTimeout", options => options.PullSuspendTimeout = TimeSpan.Zero },
        { "PullThresholdForQueue", options => options.PullThresholdForQueue = 65536 },
        { "PullThresholdBytesForQueue", options => options.PullThresholdBytesForQueue = -5 },
        { "ConsumeMaxSpan", options => options.ConsumeMaxSpan = 0 },
        { "MaxReconsumeTimes", options => options.MaxReconsumeTimes = -2 },
        { "PersistInterval", options => options.PersistInterval = TimeSpan.Zero },
        { "MessageTraceTopic", options => options.MessageTraceTopic = "a b" },
        { "RetryInterval", options => options.RetryInterval = TimeSpan.FromDays(1) },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_wrong_setting_is_refused_by_name(string field, Action<ConsumerOptions> spoil)
    {
        var options = Valid();
        spoil(options);

        var error = Assert.Throws<RocketMQConfigurationException>(() => OptionsValidation.Check(options));

        Assert.EndsWith(field, error.Field, StringComparison.Ordinal);
        Assert.NotEmpty(error.Expected);
        Assert.Equal(RocketMQErrorCode.Configuration, error.Code);
    }

    [Fact]
    public void The_defaults_are_those_of_the_specification()
    {
        var options = Valid();
        OptionsValidation.Check(options);

        Assert.Equal(ConsumeFromWhere.LastOffset, options.ConsumeFromWhere);
        Assert.Equal((20, 64), (options.ConsumeThreadMin, options.ConsumeThreadMax));
        Assert.Equal((1, 32), (options.ConsumeBatchSize, options.PullBatchSize));
        Assert.Equal(TimeSpan.Zero, options.PullInterval);
        Assert.Equal((1000, 100L * 1024 * 1024), (options.PullThresholdForQueue, options.PullThresholdBytesForQueue));
        Assert.Equal(2000, options.ConsumeMaxSpan);
        Assert.Equal(16, options.MaxReconsumeTimes);
        Assert.Equal(TimeSpan.FromSeconds(5), options.PersistInterval);
    }

    private static ConsumerOptions Valid() => new() { Group = "g", Listener = typeof(ScriptedListener), Subscriptions = { ["t"] = MessageSelector.All } };
}
