namespace OrleansRocketMQ;

/// <summary>A connection could not be made, or was closed while a request was under way.</summary>
public class RocketMQNetworkException(string message, Exception? innerException = null, RocketMQErrorCode code = RocketMQErrorCode.Network)
    : RocketMQException(code, message, innerException);

/// <summary>No answer came in time. Whether the other side did what was asked is unknown.</summary>
public sealed class RocketMQTimeoutException(string message, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.Timeout, message, innerException);

/// <summary>No broker that could serve the request is known or reachable.</summary>
public sealed class BrokerNotAvailableException(string message, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.BrokerNotAvailable, message, innerException);

/// <summary>No name server answered, or all refused the request.</summary>
public sealed class NameServerException(string message, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.NameServer, message, innerException);

/// <summary>
/// A topic is a static one: its queues are logical ones that a mapping spreads over brokers. Up to 0.2 such a topic was neither
/// consumed nor produced to; since then it is, and nobody throws this any more.
/// </summary>
public sealed class StaticTopicException(string topic, Exception? innerException = null)
    : RocketMQException(
        RocketMQErrorCode.UnsupportedTopic,
        $"Topic '{topic}' is a static topic: static topics (logical queues) are not supported. Use an ordinary topic instead.",
        innerException)
{
    /// <summary>The topic.</summary>
    public string Topic { get; } = topic;
}

/// <summary>The name server knows no route for a topic. It may be created later.</summary>
public sealed class TopicNotFoundException(string topic, Exception? innerException = null)
    : RocketMQException(
        RocketMQErrorCode.TopicNotFound,
        $"The name server has no route for topic '{topic}'. Create the topic, or let the broker create it on the first send.",
        innerException)
{
    /// <summary>The topic asked for.</summary>
    public string Topic { get; } = topic;
}
