using System.Runtime.CompilerServices;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Configuration;

/// <summary>Refuses settings that cannot work, naming the field, the value and what is allowed.</summary>
internal static class OptionsValidation
{
    private static readonly string LongestPrefix
        = new[] { SystemTopics.RetryPrefix, SystemTopics.DeadLetterPrefix }.MaxBy(prefix => prefix.Length)!;

    public static void Check(RocketMQOptions options)
    {
        const string Section = RocketMQOptions.SectionName;
        Between(options.PollNameServerInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), Section);
        Between(options.HeartbeatInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(100), Section);
        Between(options.RequestTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(5), Section);
        Between(options.RebalanceInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), Section);
        Between(options.MembershipTimeout, TimeSpan.Zero, TimeSpan.FromHours(1), Section);
        Between(options.ShutdownTimeout, TimeSpan.Zero, TimeSpan.FromMinutes(10), Section);
        Between(options.MaxDecompressedBodyBytes, 64 * 1024, MessageDecoderOptions.LargestBody, Section);
        Between(options.MaxFrameLength, 1024 * 1024, 1024 * 1024 * 1024, Section);
        if (options.MaxCachedBytes is { } bytes and < 1024 * 1024)
        {
            throw new RocketMQConfigurationException($"{Section}:{nameof(options.MaxCachedBytes)}", bytes, "1048576 or more, or nothing");
        }
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
            CheckLength(topic, room, $"{RocketMQOptions.SectionName}:Consumers:{options.Group}:Subscriptions:Topic", prefix);
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

    public static void Check(ConsumerOptions options)
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

        var section = $"{RocketMQOptions.SectionName}:Consumers:{options.Group}";
        if (options.NameServer is not null)
        {
            CheckNameServer(options.NameServer, section);
        }

        CheckListener(options, section);
        CheckSubscriptions(options, section);
        CheckCountsAndTimes(options, section);
        CheckOrderly(options, section);
    }

    private static void CheckListener(ConsumerOptions options, string section)
    {
        if (options.Listener is null && options.AutoStart)
        {
            throw new RocketMQConfigurationException(
                $"{section}:Listener", null, $"a grain class or grain interface that implements {nameof(IMessageListener)}");
        }

        if (options.Listener is not null && !typeof(IMessageListener).IsAssignableFrom(options.Listener))
        {
            throw new RocketMQConfigurationException(
                $"{section}:Listener", options.Listener, $"a type that implements {nameof(IMessageListener)}");
        }

        options.Handler?.Check(options);
    }

    private static void CheckSubscriptions(ConsumerOptions options, string section)
    {
        Between(options.MaxSubscriptions, 1, 100_000, section);
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

        Defined(options.ConsumeFromWhere, section);
        Defined(options.MessageModel, section);
        if (options.SkipHistory && options.ConsumeFromWhere is not (ConsumeFromWhere.LastOffset or ConsumeFromWhere.MaxOffset))
        {
            throw new RocketMQConfigurationException(
                $"{section}:SkipHistory", true, $"false, since the group begins at {options.ConsumeFromWhere}");
        }
    }

    private static void CheckCountsAndTimes(ConsumerOptions options, string section)
    {
        Between(options.PersistBatchSize, 1, 1000, section);
        Between(options.ConsumeThreadMin, 1, 1000, section);
        Between(options.ConsumeThreadMax, options.ConsumeThreadMin, 1000, section);
        Between(options.ConsumeBatchSize, 1, 1024, section);
        Between(options.PullBatchSize, 1, 1024, section);
        Between(options.PullInterval, TimeSpan.Zero, TimeSpan.FromMilliseconds(65535), section);
        Between(options.PullSuspendTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5), section);
        Between(options.PullThresholdForAll, 1, 6553500, section);
        Between(options.PullThresholdForTopic, 1, 6553500, section);
        Between(options.PullThresholdBytesForTopic, 1024 * 1024, 100L * 1024 * 1024 * 1024, section);
        Between(options.MaxCachedMessagesPerQueue, 1, 65535, section);
        Between(options.MaxCachedBytesPerQueue, 1024 * 1024, 16L * 1024 * 1024 * 1024, section);
        Between(options.ConsumeTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(12), section);
        Between(options.MaxRetryTimes, 1, 100, section);
        Between(options.PullThresholdForQueue, 1, 65535, section);
        Between(options.PullThresholdBytesForQueue, 1024 * 1024, 1024L * 1024 * 1024, section);
        Between(options.ConsumeMaxSpan, 1, 65535, section);
        Between(options.MaxReconsumeTimes, 0, int.MaxValue, section);
        Between(options.PersistInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), section);
        Between(options.CheckpointInterval, TimeSpan.Zero, TimeSpan.FromHours(1), section);
        Between(options.RetryInterval, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5), section);
        Between(options.KeyRetryBackoff, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), section);
        Between(options.MaxKeyRetryBackoff, options.KeyRetryBackoff, TimeSpan.FromHours(1), section);
        Between(options.ParkAfter, TimeSpan.Zero, TimeSpan.FromHours(1), section);
    }

    private static void CheckOrderly(ConsumerOptions options, string section)
    {
        Between(options.SuspendCurrentQueueTime, TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(30), section);
        Between(options.LockExpiry, TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(60), section);
        Between(options.LockInterval, TimeSpan.FromMilliseconds(10), options.LockExpiry - TimeSpan.FromMilliseconds(1), section);
        Defined(options.PoisonHandling, section);
        Between(options.MaxParkedKeys, 1, 10_000, section);
        Between(options.MaxParkedMessages, 1, 65535, section);
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

    private static void Between<T>(T value, T least, T most, string section, [CallerArgumentExpression(nameof(value))] string field = "")
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
        {
            throw new RocketMQConfigurationException($"{section}:{Name(field)}", value, $"{least} to {most}");
        }
    }

    private static void Defined<T>(T value, string section, [CallerArgumentExpression(nameof(value))] string field = "")
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
        {
            throw new RocketMQConfigurationException($"{section}:{Name(field)}", value, string.Join(", ", Enum.GetNames<T>()));
        }
    }

    private static string Name(string expression) => expression[(expression.LastIndexOf('.') + 1)..];
}
