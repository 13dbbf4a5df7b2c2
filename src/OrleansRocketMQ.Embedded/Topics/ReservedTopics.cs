using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Topics;

/// <summary>Topics a broker uses itself, and the rules for names. Mirrors <c>TopicValidator</c>.</summary>
internal static class ReservedTopics
{
    public const string HalfTopic = "RMQ_SYS_TRANS_HALF_TOPIC";
    public const string HalfOperationsTopic = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
    public const string CheckedTooOften = "TRANS_CHECK_MAX_TIME_TOPIC";
    public const string Trace = "RMQ_SYS_TRACE_TOPIC";

    /// <summary>Where messages wait whose time is their own.</summary>
    public const string Timer = "rmq_sys_wheel_timer";

    private const string SelfTest = "SELF_TEST_TOPIC";
    private const string OffsetMoved = "OFFSET_MOVED_EVENT";
    private const string Benchmark = "BenchmarkTest";
    private const int MaxLength = 127;

    private static readonly HashSet<string> NotForSending =
        [SystemTopics.Schedule, HalfTopic, HalfOperationsTopic, CheckedTooOften, SelfTest, OffsetMoved, Timer];

    /// <summary>Those a new broker has from the start.</summary>
    public static IEnumerable<TopicConfig> Initial(EmbeddedRocketMQOptions options, string brokerName, int delayLevels)
    {
        yield return new(SelfTest, 1, 1);
        if (options.AutoCreateTopics)
        {
            yield return new(
                SystemTopics.AutoCreateKey,
                options.DefaultQueues,
                options.DefaultQueues,
                TopicConfig.Inherit | TopicConfig.ReadWrite);
        }

        yield return new(Benchmark, 1024, 1024);
        yield return new(options.ClusterName, 1, 1, TopicConfig.Inherit | TopicConfig.ReadWrite);
        yield return new(brokerName, 1, 1, TopicConfig.Inherit | TopicConfig.ReadWrite);
        yield return new(OffsetMoved, 1, 1);
        yield return new(SystemTopics.Schedule, delayLevels, delayLevels);
        yield return new(Trace, 1, 1);
        yield return new(Timer, 1, 1);
        yield return new(HalfTopic, 1, 1);
        yield return new(HalfOperationsTopic, 1, 1);
    }

    public static bool AllowsSending(string topic) => !NotForSending.Contains(topic);

    /// <summary>Whether a topic is the broker's own, so that nobody may change or delete it.</summary>
    public static bool IsReserved(string topic)
        => NotForSending.Contains(topic)
            || topic is SystemTopics.AutoCreateKey or Benchmark or Trace
            || topic.StartsWith("rmq_sys_", StringComparison.Ordinal);

    /// <summary>
    /// Whether messages of a topic are listed in the light queues that they name. Mirrors <c>MixAll.topicAllowsLMQ</c>; half messages are
    /// not listed either, nor is what is sent to a light queue itself.
    /// </summary>
    public static bool MayNameLightQueues(string topic)
        => !SystemTopics.IsRetry(topic) && !SystemTopics.IsLight(topic) && !IsReserved(topic);

    /// <summary>Why a topic's name is wrong, in RocketMQ's words; null when it is right.</summary>
    public static string? Complaint(string? topic)
    {
        if (string.IsNullOrWhiteSpace(topic))
        {
            return "The specified topic is blank.";
        }

        if (HasIllegalCharacters(topic))
        {
            return "The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$";
        }

        return topic.Length > MaxLength ? "The specified topic is longer than topic max length." : null;
    }

    public static bool HasIllegalCharacters(string name)
        => !name.All(character => char.IsAsciiLetterOrDigit(character) || character is '%' or '|' or '-' or '_');
}
