using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// The topics in which messages come again. With version 2 those of version 1 are still looked at (<c>enableRetryTopicV2</c>,
/// <c>retrieveMessageFromPopRetryTopicV1</c>).
/// </summary>
internal sealed class RetryTopics(bool isV2)
{
    /// <summary>Where messages go.</summary>
    public string ToFill(string topic, string group)
        => isV2 ? SystemTopics.PopRetryV2(topic, group) : SystemTopics.PopRetryV1(topic, group);

    /// <summary>The one a pop looks at.</summary>
    public string ToPop(string topic, string group, uint turn)
        => isV2 && turn % 2 == 1 ? SystemTopics.PopRetryV2(topic, group) : SystemTopics.PopRetryV1(topic, group);

    public IReadOnlyList<string> All(string topic, string group) => isV2
        ? [SystemTopics.PopRetryV2(topic, group), SystemTopics.PopRetryV1(topic, group)]
        : [SystemTopics.PopRetryV1(topic, group)];

    /// <summary>The topic that a message of a group was sent to, be it in a retry topic or not.</summary>
    public static string NormalOf(string topic, string group)
    {
        // Behind the group's name stands one character, by which the versions differ.
        var prefix = SystemTopics.Retry(group).Length + 1;
        return SystemTopics.IsRetry(topic) && topic.Length > prefix ? topic[prefix..] : topic;
    }
}
