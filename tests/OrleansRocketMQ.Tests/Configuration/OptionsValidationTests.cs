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
        { "MaxSubscriptions", options => options.MaxSubscriptions = 0 },
        { "Subscriptions", options => (options.MaxSubscriptions, options.Subscriptions["u"]) = (1, MessageSelector.All) },
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
        { "PullThresholdForAll", options => options.PullThresholdForAll = 0 },
        { "PullThresholdForTopic", options => options.PullThresholdForTopic = 6553501 },
        { "PullThresholdBytesForTopic", options => options.PullThresholdBytesForTopic = 1024 },
        { "MaxCachedMessagesPerQueue", options => options.MaxCachedMessagesPerQueue = 0 },
        { "MaxCachedBytesPerQueue", options => options.MaxCachedBytesPerQueue = 1024 },
        { "ConsumeTimeout", options => options.ConsumeTimeout = TimeSpan.Zero },
        { "ConsumeTimeout", options => options.ConsumeTimeout = TimeSpan.FromDays(1) },
        { "MaxRetryTimes", options => options.MaxRetryTimes = 0 },
        { "MaxRetryTimes", options => options.MaxRetryTimes = 101 },
        { "ConsumeMaxSpan", options => options.ConsumeMaxSpan = 0 },
        { "MaxReconsumeTimes", options => options.MaxReconsumeTimes = -2 },
        { "PersistInterval", options => options.PersistInterval = TimeSpan.Zero },
        { "MessageTraceTopic", options => options.MessageTraceTopic = "a b" },
        { "KeyRetryBackoff", options => options.KeyRetryBackoff = TimeSpan.Zero },
        { "MaxKeyRetryBackoff", options => options.MaxKeyRetryBackoff = TimeSpan.FromMilliseconds(999) },
        { "MaxKeyRetryBackoff", options => options.MaxKeyRetryBackoff = TimeSpan.FromHours(2) },
        { "RetryInterval", options => options.RetryInterval = TimeSpan.FromDays(1) },
        { "SuspendCurrentQueueTime", options => options.SuspendCurrentQueueTime = TimeSpan.FromSeconds(31) },
        { "SuspendCurrentQueueTime", options => options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(9) },
        { "LockExpiry", options => options.LockExpiry = TimeSpan.FromSeconds(61) },
        { "LockInterval", options => options.LockInterval = TimeSpan.FromSeconds(30) },
        { "LockInterval", options => options.LockInterval = TimeSpan.Zero },
        { "PoisonHandling", options => options.PoisonHandling = (PoisonHandling)7 },
        { "PoisonHandling", options => (options.PoisonHandling, options.AutoCommit) = (PoisonHandling.Park, false) },
        { "MaxParkedKeys", options => options.MaxParkedKeys = 0 },
        { "MaxParkedMessages", options => options.MaxParkedMessages = 65536 },
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

        Assert.Equal("AVG", options.AllocateStrategy);
        Assert.Equal(ConsumeFromWhere.LastOffset, options.ConsumeFromWhere);
        Assert.Equal((20, 64), (options.ConsumeThreadMin, options.ConsumeThreadMax));
        Assert.Equal((1, 32), (options.ConsumeBatchSize, options.PullBatchSize));
        Assert.Equal(TimeSpan.Zero, options.PullInterval);
        Assert.Equal((1000, 100L * 1024 * 1024), (options.PullThresholdForQueue, options.PullThresholdBytesForQueue));
        Assert.Equal((50000, 10000, 100L * 1024 * 1024), (options.PullThresholdForAll, options.PullThresholdForTopic, options.PullThresholdBytesForTopic));
        Assert.Equal((1024, 512L * 1024 * 1024), (options.MaxCachedMessagesPerQueue, options.MaxCachedBytesPerQueue));
        Assert.Equal(TimeSpan.FromMinutes(15), options.ConsumeTimeout);
        Assert.Equal((true, 3), (options.AutoRecovery, options.MaxRetryTimes));
        Assert.Equal(2000, options.ConsumeMaxSpan);
        Assert.Equal(16, options.MaxReconsumeTimes);
        Assert.Equal(TimeSpan.FromSeconds(5), options.PersistInterval);
        Assert.Equal((TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(30)), (options.LockInterval, options.LockExpiry));
        Assert.Equal((TimeSpan.FromSeconds(1), true), (options.SuspendCurrentQueueTime, options.AutoCommit));
        Assert.Equal((PoisonHandling.Block, 100, 500), (options.PoisonHandling, options.MaxParkedKeys, options.MaxParkedMessages));
    }

    [Fact]
    public void A_silo_that_may_hold_hardly_anything_is_refused()
    {
        Assert.Equal("RocketMQ:MaxFrameLength", Assert.Throws<RocketMQConfigurationException>(() => OptionsValidation.Check(new RocketMQOptions { MaxFrameLength = 1000 })).Field);
        var error = Assert.Throws<RocketMQConfigurationException>(() => OptionsValidation.Check(new RocketMQOptions { MaxCachedBytes = 1000 }));

        Assert.Equal("RocketMQ:MaxCachedBytes", error.Field);
        OptionsValidation.Check(new RocketMQOptions());
    }

    private static ConsumerOptions Valid() => new() { Group = "g", Listener = typeof(ScriptedListener), Subscriptions = { ["t"] = MessageSelector.All } };
}
