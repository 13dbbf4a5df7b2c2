namespace OrleansRocketMQ;

/// <summary>What kind of thing went wrong, stable across versions so that alerts can be keyed on it.</summary>
public enum RocketMQErrorCode
{
    /// <summary>No more specific code applies.</summary>
    Unknown = 0,

    /// <summary>A consumer could not be started.</summary>
    Start = 1,

    /// <summary>A consumer could not be shut down cleanly.</summary>
    Shutdown = 2,

    /// <summary>The operation is not allowed in the present state.</summary>
    State = 3,

    /// <summary>A subscription could not be made or changed.</summary>
    Subscribe = 4,

    /// <summary>A listener failed, or its result could not be applied.</summary>
    MessageConsume = 5,

    /// <summary>Messages could not be pulled from a broker.</summary>
    MessagePull = 6,

    /// <summary>An offset could not be stored or is out of range.</summary>
    Offset = 7,

    /// <summary>An offset could not be read from its store.</summary>
    OffsetFetch = 8,

    /// <summary>Queues could not be allocated.</summary>
    Rebalance = 9,

    /// <summary>No broker that can serve the request is reachable.</summary>
    BrokerNotAvailable = 10,

    /// <summary>No name server gave an answer, or it refused.</summary>
    NameServer = 11,

    /// <summary>A connection failed or was closed.</summary>
    Network = 12,

    /// <summary>No answer came in time.</summary>
    Timeout = 13,

    /// <summary>The configuration is wrong.</summary>
    Configuration = 14,

    /// <summary>An argument is wrong.</summary>
    Validation = 15,

    /// <summary>The broker answered with an error code.</summary>
    BrokerResponse = 16,

    /// <summary>Bytes received are not a valid frame.</summary>
    FrameFormat = 17,

    /// <summary>Bytes received are a valid frame but not a valid message.</summary>
    MessageFormat = 18,

    /// <summary>The topic has no route.</summary>
    TopicNotFound = 19,

    /// <summary>A message could not be sent.</summary>
    Send = 20,

    /// <summary>A filter has neither called <c>next</c> nor given a result, or did not wait for <c>next</c>.</summary>
    Filter = 21,

    /// <summary>A connection could not be encrypted, or the other side's certificate is not to be trusted.</summary>
    Tls = 30,

    /// <summary>A topic's name is not allowed.</summary>
    InvalidTopic = 41,

    /// <summary>A selector is none, or the broker does not accept it.</summary>
    InvalidSelector = 42,

    /// <summary>There is no such subscription.</summary>
    NotSubscribed = 43,

    /// <summary>The topic is subscribed to with another selector.</summary>
    SubscriptionConflict = 44,

    /// <summary>The group has as many subscriptions as it may have.</summary>
    SubscriptionLimitExceeded = 45,

    /// <summary>A text that should describe subscriptions does not.</summary>
    SubscriptionData = 46,

    /// <summary>A topic is of a kind that is not supported.</summary>
    UnsupportedTopic = 47,
}
