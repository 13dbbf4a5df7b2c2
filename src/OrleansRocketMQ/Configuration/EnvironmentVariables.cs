using System.Globalization;

namespace OrleansRocketMQ.Configuration;

/// <summary>
/// The environment variables that override what attributes, code and configuration say of a consumer; they hold for all
/// consumers of the process. One that is empty counts as not set.
/// </summary>
internal sealed class EnvironmentVariables(Func<string, string?> read)
{
    private static readonly Dictionary<string, TimeSpan> Units = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ms"] = TimeSpan.FromMilliseconds(1),
        ["s"] = TimeSpan.FromSeconds(1),
        ["m"] = TimeSpan.FromMinutes(1),
        ["min"] = TimeSpan.FromMinutes(1),
        ["h"] = TimeSpan.FromHours(1),
    };

    public EnvironmentVariables()
        : this(Environment.GetEnvironmentVariable)
    {
    }

    /// <summary>All of them; a new one is one line.</summary>
    public static IReadOnlyList<EnvironmentVariable> All { get; } =
    [
        Number(
            "ROCKETMQ_CONSUME_THREAD_MIN",
            nameof(ConsumerOptions.ConsumeThreadMin),
            (options, value) => options.ConsumeThreadMin = value),
        Number(
            "ROCKETMQ_CONSUME_THREAD_MAX",
            nameof(ConsumerOptions.ConsumeThreadMax),
            (options, value) => options.ConsumeThreadMax = value),
        Number(
            "ROCKETMQ_CONSUME_BATCH_SIZE",
            nameof(ConsumerOptions.ConsumeBatchSize),
            (options, value) => options.ConsumeBatchSize = value),
        Number("ROCKETMQ_PULL_BATCH_SIZE", nameof(ConsumerOptions.PullBatchSize), (options, value) => options.PullBatchSize = value),
        Time("ROCKETMQ_CONSUME_TIMEOUT", nameof(ConsumerOptions.ConsumeTimeout), "min", (options, value) => options.ConsumeTimeout = value),
        Choice<MessageModel>(
            "ROCKETMQ_MESSAGE_MODEL",
            nameof(ConsumerOptions.MessageModel),
            (options, value) => options.MessageModel = value),
        new("ROCKETMQ_ALLOCATE_STRATEGY", nameof(ConsumerOptions.AllocateStrategy), "a strategy's name", SetStrategy),
        Choice<ConsumeFromWhere>(
            "ROCKETMQ_CONSUME_FROM_WHERE",
            nameof(ConsumerOptions.ConsumeFromWhere),
            (options, value) => options.ConsumeFromWhere = value),
        Time(
            "ROCKETMQ_PERSIST_INTERVAL",
            nameof(ConsumerOptions.PersistInterval),
            "ms",
            (options, value) => options.PersistInterval = value),
        Number(
            "ROCKETMQ_MAX_CACHE_COUNT_PER_QUEUE",
            nameof(ConsumerOptions.MaxCachedMessagesPerQueue),
            (options, value) => options.MaxCachedMessagesPerQueue = value),
        Number(
            "ROCKETMQ_MAX_CACHE_SIZE_PER_QUEUE",
            nameof(ConsumerOptions.MaxCachedBytesPerQueue),
            (options, value) => options.MaxCachedBytesPerQueue = value * 1024L * 1024),
        new("ROCKETMQ_ENABLE_AUTO_RECOVERY", nameof(ConsumerOptions.AutoRecovery), "true or false", SetAutoRecovery),
        Number("ROCKETMQ_MAX_RETRY_TIMES", nameof(ConsumerOptions.MaxRetryTimes), (options, value) => options.MaxRetryTimes = value),
        Time(
            "ROCKETMQ_SUSPEND_CURRENT_QUEUE_TIME_MILLIS",
            nameof(ConsumerOptions.SuspendCurrentQueueTime),
            "ms",
            (options, value) => options.SuspendCurrentQueueTime = value),
        Time("ROCKETMQ_LOCK_EXPIRE_TIME", nameof(ConsumerOptions.LockExpiry), "s", (options, value) => options.LockExpiry = value),
    ];

    /// <summary>The variable's value, or null when it is not set.</summary>
    public string? this[string name] => read(name) is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;

    /// <summary>Sets every option there is a variable for.</summary>
    /// <exception cref="RocketMQConfigurationException">A value cannot be read; the error names the variable.</exception>
    public void Apply(ConsumerOptions options)
    {
        foreach (var variable in All)
        {
            if (this[variable.Name] is { } value && !variable.TrySet(options, value))
            {
                throw new RocketMQConfigurationException(variable.Name, value, variable.Expected);
            }
        }
    }

    /// <summary>Checks a consumer; what is wrong by a variable is named by it.</summary>
    /// <exception cref="RocketMQConfigurationException">A setting is wrong.</exception>
    public void Check(ConsumerOptions options)
    {
        try
        {
            OptionsValidation.Check(options);
        }
        catch (RocketMQConfigurationException exception)
        {
            var option = exception.Field[(exception.Field.LastIndexOf(':') + 1)..];
            if (All.FirstOrDefault(variable => variable.Option == option && this[variable.Name] is not null) is { } cause)
            {
                throw new RocketMQConfigurationException(cause.Name, this[cause.Name], $"{exception.Expected} for {option}");
            }

            throw;
        }
    }

    /// <summary>Sets what all consumers of the silo share.</summary>
    public void Apply(RocketMQOptions options) => options.OffsetStorePath = this["ROCKETMQ_OFFSET_STORE_PATH"] ?? options.OffsetStorePath;

    private static bool SetStrategy(ConsumerOptions options, string text)
    {
        options.AllocateStrategy = text;
        return true;
    }

    private static bool SetAutoRecovery(ConsumerOptions options, string text)
    {
        var good = bool.TryParse(text, out var value);
        options.AutoRecovery = good ? value : options.AutoRecovery;
        return good;
    }

    private static EnvironmentVariable Number(
        string name,
        string option,
        Action<ConsumerOptions, int> set) => new(name, option, "a whole number", (options, text) =>
    {
        var good = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value);
        if (good)
        {
            set(options, value);
        }

        return good;
    });

    // A plain number is in the unit of the specification; a number with a unit of its own cannot be misunderstood.
    private static EnvironmentVariable Time(string name, string option, string unit, Action<ConsumerOptions, TimeSpan> set)
        => new(name, option, $"a whole number of {unit}, or a number with its unit: ms, s, m or h", (options, text) =>
        {
            var digits = text.TakeWhile(char.IsAsciiDigit).Count();
            var ownUnit = text[digits..].Trim();
            if (!long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                || !Units.TryGetValue(ownUnit.Length == 0 ? unit : ownUnit, out var one)
                || number > TimeSpan.MaxValue.Ticks / one.Ticks)
            {
                return false;
            }

            set(options, new TimeSpan(number * one.Ticks));
            return true;
        });

    // Java writes CONSUME_FROM_LAST_OFFSET, the specification LAST_OFFSET and also LAST; .NET writes LastOffset.
    private static EnvironmentVariable Choice<T>(string name, string option, Action<ConsumerOptions, T> set)
        where T : struct, Enum
        => new(name, option, $"one of {string.Join(", ", Enum.GetNames<T>())}", (options, text) =>
        {
            var wanted = Plain(text);
            foreach (var value in Enum.GetValues<T>())
            {
                if (Plain(value.ToString()) == wanted)
                {
                    set(options, value);
                    return true;
                }
            }

            return false;
        });

    private static string Plain(string choice)
    {
        var plain = choice.Replace("_", string.Empty, StringComparison.Ordinal).ToUpperInvariant();
        plain = plain.StartsWith("CONSUMEFROM", StringComparison.Ordinal) ? plain["CONSUMEFROM".Length..] : plain;
        return plain.EndsWith("OFFSET", StringComparison.Ordinal) ? plain[..^"OFFSET".Length] : plain;
    }
}

/// <summary>One environment variable.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Option">The option of <see cref="ConsumerOptions"/> that it sets.</param>
/// <param name="Expected">What values it may have, for errors.</param>
/// <param name="TrySet">Sets the option, or tells that the value is none.</param>
internal sealed record EnvironmentVariable(string Name, string Option, string Expected, Func<ConsumerOptions, string, bool> TrySet);
