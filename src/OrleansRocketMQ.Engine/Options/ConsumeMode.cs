namespace OrleansRocketMQ.Configuration;

/// <summary>How a group gets the messages of its topics. Mirrors <c>MessageRequestMode</c>, but for the choice to ask.</summary>
public enum ConsumeMode
{
    /// <summary>As each broker says, which operators set by topic and group. Brokers before 5.0 know only pulls.</summary>
    AsBroker = 0,

    /// <summary>Each queue is pulled by one silo, which knows how far it is.</summary>
    Pull = 1,

    /// <summary>Messages are popped: the broker hands them out one by one and knows what is done. Brokers from 5.0 on.</summary>
    Pop = 2,
}
