using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Options;

/// <summary>
/// Refuses settings of a consumer that cannot work, naming the field, the value and what is allowed. What a listener must be
/// is the matter of whoever calls it.
/// </summary>
internal static class ConsumerOptionsValidation
{
    private static readonly string LongestPrefix
        = new[] { SystemTopics.RetryPrefix, SystemTopics.DeadLetterPrefix }.MaxBy(prefix => prefix.Length)!;

    /// <summary>Where a group's settings stand in a configuration.</summary>
    public static string SectionOf(ConsumerOptions options) => $"RocketMQ:Consumers:{options.Group}";

    /// <summary>Checks what the group is called, and where its brokers are.</summary>
    /// <exception cref="RocketMQConfigurationException">A name is wrong.</exception>
    public static void CheckNames(ConsumerOptions options)
    {
        try
        {
            SystemTopics.CheckGroup(options.Group, "Consumer.Group");
        }
        catch (RocketMQConfigurationException)
        {
            throw;
        }
        catch (RocketMQValidationException exception)
        {
            throw new RocketMQConfigurationException(exception.Field, exception.Value, exception.Expected);
        }

        if (options.NameServer is not null)
        {
            CheckNameServer(options.NameServer, SectionOf(options));
        }
    }

    /// <summary>Checks all else but the listener.</summary>
    /// <exception cref="RocketMQConfigurationException">A setting is wrong.</exception>
    public static void Check(ConsumerOptions options)
    {
        var section = SectionOf(options);
        CheckSubscriptions(options, section);
        CheckCountsAndTimes(options, section);
        CheckPriorities(options, section);
        CheckOrderly(options, section);
        CheckBreaker(options, section);
        foreach (var (index, rule) in options.ErrorRules.Index())
        {
            rule.Check($"{section}:{nameof(ConsumerOptions.ErrorRules)}:{index}");
        }
    }

    private static void CheckBreaker(ConsumerOptions options, string section)
    {
        Setting.Defined(options.CircuitBreaker, section);
        Setting.Between(options.BreakerFailureShare, 0.01, 1, section);
        Setting.Between(options.BreakerWindow, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), section);
        Setting.Between(options.BreakerLeastMessages, 1, 1_000_000, section);
        Setting.Between(options.BreakerOpenTime, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), section);
        Setting.Between(options.BreakerMaxOpenTime, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), section);
        Setting.Between(options.BreakerTrialMessages, 1, 10_000, section);
    }

    /// <summary>
    /// Refuses names from which topics would follow that are too long for brokers: the group's retry and dead-letter topics,
    /// and with a namespace its topics, too. A broker has ways to make some of them (see docs/configuration.md), but not all:
    /// messages of such a group would fail, and then neither come again nor become dead letters.
    /// </summary>
    public static void CheckDerivedNames(ConsumerOptions options, string? @namespace)
    {
        var prefix = string.IsNullOrEmpty(@namespace) ? string.Empty : $"{@namespace}%";
        var room = SystemTopics.MaxTopicLength - Encoding.UTF8.GetByteCount(prefix);
        CheckLength(options.Group, room - LongestPrefix.Length, "Consumer.Group", $"{LongestPrefix}{prefix}");
        foreach (var topic in options.Subscriptions.Keys)
        {
            CheckLength(topic, room, $"{SectionOf(options)}:Subscriptions:Topic", prefix);
        }
    }

    public static void CheckNameServer(string? nameServer, string section)
    {
        try
        {
            RocketMQClientOptions.ParseAddresses(nameServer);
        }
        catch (RocketMQConfigurationException exception)
        {
            throw new RocketMQConfigurationException($"{section}:NameServer", exception.Value, exception.Expected);
        }
    }

    private static void CheckLength(string name, int most, string field, string before)
    {
        if (Encoding.UTF8.GetByteCount(name) > most)
        {
            throw new RocketMQConfigurationException(
                field,
                name,
                $"a name of at most {most} bytes, "
                    + $"so that '{before}' and it are a topic brokers take ({SystemTopics.MaxTopicLength} bytes)");
        }
    }

    private static void CheckSubscriptions(ConsumerOptions options, string section)
    {
        Setting.Between(options.MaxSubscriptions, 1, 100_000, section);
        if (options.Subscriptions.Count > options.MaxSubscriptions)
        {
            throw new RocketMQConfigurationException(
                $"{section}:Subscriptions",
                options.Subscriptions.Count,
                $"at most {options.MaxSubscriptions} topics ({nameof(options.MaxSubscriptions)})");
        }

        if (options.Subscriptions.Count == 0 && options.AutoStart)
        {
            throw new RocketMQConfigurationException($"{section}:Subscriptions", "(empty)", "at least one topic");
        }

        CheckTopic(options.MessageTraceTopic, $"{section}:{nameof(options.MessageTraceTopic)}");
        foreach (var topic in options.Subscriptions.Keys)
        {
            CheckTopic(topic, $"{section}:Subscriptions:Topic");
        }

        Setting.Defined(options.ConsumeFromWhere, section);
        Setting.Defined(options.MessageModel, section);
        if (options.SkipHistory && options.ConsumeFromWhere is not (ConsumeFromWhere.LastOffset or ConsumeFromWhere.MaxOffset))
        {
            throw new RocketMQConfigurationException(
                $"{section}:SkipHistory", true, $"false, since the group begins at {options.ConsumeFromWhere}");
        }
    }

    private static void CheckPriorities(ConsumerOptions options, string section)
    {
        if (options.DispatchByPriority && (options.BatchMaxWait > TimeSpan.Zero || options.BatchMaxBytes is not null))
        {
            throw new RocketMQConfigurationException(
                $"{section}:{nameof(options.DispatchByPriority)}",
                true,
                "false, since there are batches that wait, in the order of their queue");
        }
    }

    private static void CheckCountsAndTimes(ConsumerOptions options, string section)
    {
        Setting.Between(options.PersistBatchSize, 1, 1000, section);
        Setting.Between(options.ConsumeThreadMin, 1, 1000, section);
        Setting.Between(options.ConsumeThreadMax, options.ConsumeThreadMin, 1000, section);
        Setting.Between(options.ConsumeBatchSize, 1, 1024, section);
        Setting.Between(options.BatchMaxWait, TimeSpan.Zero, TimeSpan.FromHours(1), section);
        Setting.Between(options.BatchMaxBytes ?? 1, 1, 1024L * 1024 * 1024, section, nameof(options.BatchMaxBytes));
        Setting.Between(options.PullBatchSize, 1, 1024, section);
        Setting.Between(options.PullInterval, TimeSpan.Zero, TimeSpan.FromMilliseconds(65535), section);
        Setting.Between(options.PullSuspendTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5), section);
        Setting.Defined(options.ConsumeMode, section);
        Setting.Between(options.PopInvisibleTime, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5), section);
        Setting.Between(options.PopPollTime, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1), section);
        Setting.Between(options.PullThresholdForAll, 1, 6553500, section);
        Setting.Between(options.PullThresholdForTopic, 1, 6553500, section);
        Setting.Between(options.PullThresholdBytesForTopic, 1024 * 1024, 100L * 1024 * 1024 * 1024, section);
        Setting.Between(options.MaxCachedMessagesPerQueue, 1, 65535, section);
        Setting.Between(options.MaxCachedBytesPerQueue, 1024 * 1024, 16L * 1024 * 1024 * 1024, section);
        Setting.Between(options.ConsumeTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(12), section);
        Setting.Between(options.MaxRetryTimes, 1, 100, section);
        Setting.Between(options.PullThresholdForQueue, 1, 65535, section);
        Setting.Between(options.PullThresholdBytesForQueue, 1024 * 1024, 1024L * 1024 * 1024, section);
        Setting.Between(options.ConsumeMaxSpan, 1, 65535, section);
        Setting.Between(options.MaxReconsumeTimes, 0, int.MaxValue, section);
        Setting.Between(options.PersistInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), section);
        Setting.Between(options.CheckpointInterval, TimeSpan.Zero, TimeSpan.FromHours(1), section);
        Setting.Between(options.RetryInterval, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5), section);
        Setting.Between(options.KeyRetryBackoff, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), section);
        Setting.Between(options.MaxKeyRetryBackoff, options.KeyRetryBackoff, TimeSpan.FromHours(1), section);
        Setting.Between(options.ParkAfter, TimeSpan.Zero, TimeSpan.FromHours(1), section);
    }

    private static void CheckOrderly(ConsumerOptions options, string section)
    {
        Setting.Between(options.SuspendCurrentQueueTime, TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(30), section);
        Setting.Between(options.LockExpiry, TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(60), section);
        Setting.Between(options.LockInterval, TimeSpan.FromMilliseconds(10), options.LockExpiry - TimeSpan.FromMilliseconds(1), section);
        Setting.Defined(options.PoisonHandling, section);
        Setting.Defined(options.HandlerMode, section);
        Setting.Defined(options.UnreadableHandling, section);
        Setting.Between(options.MaxParkedKeys, 1, 10_000, section);
        Setting.Between(options.MaxParkedMessages, 1, 65535, section);
        if (options is { PoisonHandling: PoisonHandling.Park, AutoCommit: false })
        {
            // What the listener has not committed could come again before what was parked of the same key.
            throw new RocketMQConfigurationException(
                $"{section}:{nameof(options.PoisonHandling)}",
                options.PoisonHandling,
                $"{PoisonHandling.Block}, as {nameof(options.AutoCommit)} is off");
        }
    }

    private static void CheckTopic(string topic, string field)
    {
        try
        {
            SystemTopics.CheckTopic(topic);
        }
        catch (RocketMQValidationException exception)
        {
            throw new RocketMQConfigurationException(field, exception.Value, exception.Expected);
        }
    }
}
