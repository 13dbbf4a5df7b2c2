namespace OrleansRocketMQ.Configuration;

/// <summary>What a circuit breaker stands before.</summary>
public enum CircuitBreakerScope
{
    /// <summary>There is none.</summary>
    None = 0,

    /// <summary>One for the whole group, its %RETRY% topic included.</summary>
    Group = 1,

    /// <summary>One for each topic; messages that come again are of the topic %RETRY%group.</summary>
    Topic = 2,
}
