namespace OrleansRocketMQ.Protocol;

/// <summary>
/// Asks a broker to lock or unlock queues for a client. Mirrors <c>LockBatchRequestBody</c> and
/// <c>UnlockBatchRequestBody</c>.
/// </summary>
public sealed record LockBatchRequest
{
    /// <summary>Who locks.</summary>
    public string ClientId { get; init; } = string.Empty;

    /// <summary>For which group.</summary>
    public string ConsumerGroup { get; init; } = string.Empty;

    /// <summary>The queues.</summary>
    public IReadOnlyList<QueueKey> MqSet { get; init; } = [];

    /// <summary>Whether only this member of a broker set is asked.</summary>
    public bool OnlyThisBroker { get; init; }
}

/// <summary>The queues a broker has locked. Mirrors <c>LockBatchResponseBody</c>.</summary>
public sealed record LockBatchResponse
{
    /// <summary>Those of the asked-for queues that the client now holds.</summary>
    public IReadOnlyList<QueueKey> LockOKMQSet { get; init => field = Present.Of(value); } = [];
}

/// <summary>A queue in a JSON body.</summary>
/// <param name="BrokerName">The broker it is on.</param>
/// <param name="QueueId">Its number there.</param>
/// <param name="Topic">The topic.</param>
public sealed record QueueKey(string BrokerName, int QueueId, string Topic)
{
    /// <summary>The queue's key.</summary>
    public static QueueKey Of(MessageQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return new(queue.BrokerName, queue.QueueId, queue.Topic);
    }

    /// <summary>The queue itself.</summary>
    public MessageQueue ToQueue() => new(Topic, BrokerName, QueueId);
}
