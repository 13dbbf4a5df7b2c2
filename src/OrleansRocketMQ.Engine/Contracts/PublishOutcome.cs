namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>Who has a failed message now.</summary>
internal enum PublishOutcome
{
    /// <summary>Nobody has taken it: it stays in its queue.</summary>
    NotTaken,

    /// <summary>The broker, which brings it again or has filed it under dead letters.</summary>
    Taken,

    /// <summary>No broker takes it; it is noted for an operator.</summary>
    Parked,
}
