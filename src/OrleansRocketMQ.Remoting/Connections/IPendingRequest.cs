using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Connections;

/// <summary>A request that waits for its answer, or for room to be sent.</summary>
internal interface IPendingRequest
{
    int Code { get; }

    long StartedAt { get; }

    TimeSpan Timeout { get; }

    /// <summary>How often the connection had received something when the request was sent.</summary>
    long Reads { get; }

    /// <summary>How much of what was sent before had been taken then.</summary>
    long Progress { get; }

    /// <summary>Whether it has left the caller; else it waits for room in the buffer.</summary>
    bool IsSent { get; set; }

    bool TrySetResult(RemotingCommand answer);

    bool TrySetException(Exception exception);
}
