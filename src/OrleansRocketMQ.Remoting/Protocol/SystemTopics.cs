using System.Collections.Frozen;
using System.Text;

namespace OrleansRocketMQ.Protocol;

/// <summary>Names with a meaning, as in <c>MixAll</c> and <c>TopicValidator</c>, and the rules for names of users.</summary>
public static class SystemTopics
{
    /// <summary>What the names of retry topics begin with.</summary>
    public const string RetryPrefix = "%RETRY%";

    /// <summary>What the names of dead-letter topics begin with.</summary>
    public const string DeadLetterPrefix = "%DLQ%";

    /// <summary>What the names of light message queues begin with (<c>MixAll.LMQ_PREFIX</c>).</summary>
    public const string LightPrefix = "%LMQ%";

    /// <summary>The topic whose settings an automatically created topic takes.</summary>
    public const string AutoCreateKey = "TBW102";

    /// <summary>Where delayed messages wait.</summary>
    public const string Schedule = "SCHEDULE_TOPIC_XXXX";

    /// <summary>Where the message trace goes.</summary>
    public const string Trace = "RMQ_SYS_TRACE_TOPIC";

    /// <summary>The longest topic a producer may name, in bytes.</summary>
    public const int MaxTopicLength = 127;

    /// <summary>The longest group name, in bytes.</summary>
    public const int MaxGroupLength = 255;

    private const string WheelPrefix = "rmq_sys_";
    private const char PopRetryV2Separator = '+';

    // Those that brokers let nobody send to, older ones only by chance.
    private static readonly FrozenSet<string> Brokers = FrozenSet.ToFrozenSet(
        [
            Schedule, "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC",
            "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT",
        ],
        StringComparer.Ordinal);

    private const string AllowedCharacters = "letters, digits, and the characters % | - _";

    /// <summary>The retry topic of a group.</summary>
    public static string Retry(string group) => RetryPrefix + group;

    /// <summary>The dead-letter topic of a group.</summary>
    public static string DeadLetter(string group) => DeadLetterPrefix + group;

    /// <summary>
    /// Where messages of a topic come again that a group popped and did not acknowledge in time: version 1, which a topic or group
    /// with an underscore in its name can make look like another's. Mirrors <c>KeyBuilder.buildPopRetryTopicV1</c>.
    /// </summary>
    public static string PopRetryV1(string topic, string group) => $"{RetryPrefix}{group}_{topic}";

    /// <summary>The same of version 2 (<c>enableRetryTopicV2</c>). Mirrors <c>KeyBuilder.buildPopRetryTopicV2</c>.</summary>
    public static string PopRetryV2(string topic, string group) => $"{RetryPrefix}{group}{PopRetryV2Separator}{topic}";

    /// <summary>Whether a topic is one of <see cref="PopRetryV2"/>.</summary>
    internal static bool IsPopRetryV2(string topic) => IsRetry(topic) && topic.Contains(PopRetryV2Separator, StringComparison.Ordinal);

    /// <summary>Whether a topic is a retry topic.</summary>
    public static bool IsRetry(string topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return topic.StartsWith(RetryPrefix, StringComparison.Ordinal);
    }

    /// <summary>Whether a name is that of a light message queue, which is consumed like a topic of one queue on each broker.</summary>
    public static bool IsLight(string topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return topic.StartsWith(LightPrefix, StringComparison.Ordinal);
    }

    /// <summary>Checks a topic's name as <c>Validators.checkTopic</c> does.</summary>
    /// <exception cref="RocketMQValidationException">It is empty, too long or holds other characters.</exception>
    public static void CheckTopic(string? topic, string field = "Topic") => Check(topic, field, MaxTopicLength);

    /// <summary>Checks that a message may be sent to a topic as one that was consumed from there before.</summary>
    /// <exception cref="RocketMQValidationException">
    /// It holds dead letters, is one of brokers themselves, or is no topic's name.
    /// </exception>
    internal static void CheckOfUsers(string? topic, string field)
    {
        if (topic is not null
            && (topic.StartsWith(DeadLetterPrefix, StringComparison.Ordinal)
                || topic.StartsWith(WheelPrefix, StringComparison.Ordinal)
                || Brokers.Contains(topic)))
        {
            throw new RocketMQValidationException(
                field,
                topic,
                "a topic that messages are consumed from, which is neither one of dead letters nor one of brokers themselves");
        }

        Check(topic, field, topic is not null && IsRetry(topic) ? MaxGroupLength : MaxTopicLength);
    }

    /// <summary>Checks a group's name as <c>Validators.checkGroup</c> does.</summary>
    /// <exception cref="RocketMQValidationException">It is empty, too long or holds other characters.</exception>
    public static void CheckGroup(string? group, string field = "Group") => Check(group, field, MaxGroupLength);

    private static void Check(string? name, string field, int maxLength)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            throw new RocketMQValidationException(field, name, "a name");
        }

        if (Encoding.UTF8.GetByteCount(name) > maxLength)
        {
            throw new RocketMQValidationException(field, name, $"a name of at most {maxLength} bytes");
        }

        foreach (var character in name)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('%' or '|' or '-' or '_'))
            {
                throw new RocketMQValidationException(field, name, $"a name of {AllowedCharacters}");
            }
        }
    }
}
