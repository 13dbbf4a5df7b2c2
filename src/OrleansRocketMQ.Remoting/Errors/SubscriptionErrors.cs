namespace OrleansRocketMQ;

/// <summary>A subscription is wrong, or the broker does not accept it. The root of all errors of subscriptions.</summary>
public class SubscribeException(
    string topic,
    string reason,
    Exception? innerException = null,
    RocketMQErrorCode code = RocketMQErrorCode.Subscribe)
    : RocketMQException(code, $"Topic '{topic}' cannot be subscribed to: {reason}", innerException)
{
    /// <summary>The topic.</summary>
    public string Topic { get; } = topic;
}

/// <summary>The topic's name is not allowed.</summary>
public sealed class InvalidTopicException(string topic, string reason, Exception? innerException = null)
    : SubscribeException(topic, reason, innerException, RocketMQErrorCode.InvalidTopic);

/// <summary>The selector is none: nothing between the bars of a tag expression, or a condition the broker does not accept.</summary>
public sealed class InvalidSelectorException(string topic, string reason, Exception? innerException = null)
    : SubscribeException(topic, reason, innerException, RocketMQErrorCode.InvalidSelector);

/// <summary>The group does not subscribe to the topic.</summary>
public sealed class NotSubscribedException(string topic, string group)
    : SubscribeException(topic, $"group '{group}' has no subscription to change.", code: RocketMQErrorCode.NotSubscribed);

/// <summary>The group subscribes to the topic already, with another selector.</summary>
public sealed class SubscriptionConflictException(string topic, string existing, string asked)
    : SubscribeException(
        topic,
        $"it is subscribed to with {existing}, not {asked}. Update the selector, or unsubscribe first.",
        code: RocketMQErrorCode.SubscriptionConflict);

/// <summary>The group has as many subscriptions as it may have.</summary>
public sealed class SubscriptionLimitExceededException(string topic, int most)
    : SubscribeException(
        topic,
        $"a group may have {most} subscriptions (MaxSubscriptions).",
        code: RocketMQErrorCode.SubscriptionLimitExceeded);

/// <summary>A text that should describe subscriptions does not.</summary>
public sealed class SubscriptionDataException(string where, string reason, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.SubscriptionData, $"The subscriptions cannot be read: {where}: {reason}", innerException)
{
    /// <summary>Where in the text.</summary>
    public string Where { get; } = where;
}
