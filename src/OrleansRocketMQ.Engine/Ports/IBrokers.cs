using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Ports;

/// <summary>The brokers, as a consumer asks them. Where one is reached is the word of <see cref="IRoutes"/>. Thread-safe.</summary>
internal interface IBrokers : IQueueBroker, IPopBroker, IOffsetBroker, ILockBroker, IRetryBroker
{
    /// <summary>Tells one broker of this member and its groups; ends when it has answered, or is not going to. Never fails.</summary>
    Task HeartbeatToAsync(string address, CancellationToken cancellationToken);
}

/// <summary>Messages and offsets of a broker's queues.</summary>
internal interface IQueueBroker
{
    /// <summary>Asks for messages. The broker may keep the request waiting for its suspend time-out.</summary>
    /// <param name="address">The broker.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="timeout">How long to wait for the answer; null: as long as usual.</param>
    /// <param name="cancellationToken">
    /// Gives up; the broker may answer all the same, and what the request carried may have been stored.
    /// </param>
    /// <returns>To be awaited once.</returns>
    /// <exception cref="RocketMQException">The broker has refused, or has not answered.</exception>
    ValueTask<PullResult> PullAsync(string address, PullRequest request, TimeSpan? timeout, CancellationToken cancellationToken);

    /// <summary>The queue's first position.</summary>
    Task<long> GetMinOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken);

    /// <summary>The position behind the queue's last message.</summary>
    Task<long> GetMaxOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken);

    /// <summary>The position of the first message stored at or after a time, in milliseconds since 1970 UTC.</summary>
    Task<long> SearchOffsetAsync(string address, MessageQueue queue, long timestamp, CancellationToken cancellationToken);
}

/// <summary>Messages that a broker hands out one by one, and offers again unless it hears of them in time.</summary>
internal interface IPopBroker
{
    /// <summary>The next pop of a queue goes on at an offset. What is hidden stays so, and comes again unless it is acknowledged.</summary>
    Task ResetOffsetAsync(string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken);

    /// <summary>Asks for messages that nobody else has in work. The broker may keep the request waiting for its poll time.</summary>
    /// <exception cref="RocketMQException">The broker has refused, or has not answered.</exception>
    Task<PopResult> PopAsync(string address, PopRequest request, CancellationToken cancellationToken);

    /// <summary>Messages of one topic are done.</summary>
    /// <param name="address">The master of the broker set they came from.</param>
    /// <param name="group">The group.</param>
    /// <param name="topic">The topic that was popped.</param>
    /// <param name="handles">What to tell them by.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task AckAsync(
        string address, string group, string topic, IReadOnlyCollection<ReceiptHandle> handles, CancellationToken cancellationToken);

    /// <summary>Nobody else is to get a message for so long from now on; zero: it is to come again at once.</summary>
    /// <returns>What to tell the message by from now on; null when the broker no longer has it so.</returns>
    Task<ReceiptHandle?> ChangeInvisibleTimeAsync(
        string address,
        string group,
        string topic,
        ReceiptHandle handle,
        TimeSpan invisibleTime,
        CancellationToken cancellationToken);
}

/// <summary>The offsets of groups that a broker keeps.</summary>
internal interface IOffsetBroker
{
    /// <summary>What is stored; null when nothing is.</summary>
    Task<long?> QueryConsumerOffsetAsync(
        string address, string group, MessageQueue queue, bool? setZeroIfNotFound, CancellationToken cancellationToken);

    /// <summary>Stores an offset. A request that was sent may arrive although nobody waits for its answer.</summary>
    Task UpdateConsumerOffsetAsync(string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken);
}

/// <summary>The queue locks of a broker.</summary>
internal interface ILockBroker
{
    /// <summary>Takes or renews locks.</summary>
    /// <returns>The queues whose lock is the client's now.</returns>
    Task<IReadOnlyList<MessageQueue>> LockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken);

    /// <summary>Gives locks back.</summary>
    Task UnlockAsync(string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken);

    /// <summary>The members of a group the broker is connected with.</summary>
    Task<IReadOnlyList<string>> GetConsumerIdsAsync(string address, string group, CancellationToken cancellationToken);
}

/// <summary>Brokers take failed messages back.</summary>
internal interface IRetryBroker
{
    /// <summary>Has the broker bring a message again, or file it under %DLQ%.</summary>
    Task SendBackAsync(string address, SendBackRequest request, CancellationToken cancellationToken);

    /// <summary>How the broker treats a group.</summary>
    /// <exception cref="BrokerResponseException">It does not know the group or the question, or may not tell.</exception>
    Task<SubscriptionGroupConfig> GetGroupConfigAsync(string address, string group, CancellationToken cancellationToken);

    /// <summary>The same of a broker that does not know the question for one group: a long answer.</summary>
    /// <returns>Null when it does not know the group.</returns>
    Task<SubscriptionGroupConfig?> FindGroupConfigAsync(string address, string group, CancellationToken cancellationToken);

    /// <summary>Sends a copy of a message to any broker that takes it; broker and queue of the request are filled in.</summary>
    /// <exception cref="RocketMQException">None has taken it.</exception>
    Task SendCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken);

    /// <summary>Sends a copy that is to come at an exact time.</summary>
    /// <returns>False when the broker it was meant for holds no messages back to a time, and has not got it.</returns>
    /// <exception cref="RocketMQException">The broker has not taken it.</exception>
    Task<bool> SendTimedCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken);
}

/// <summary>A message that goes back to its broker. Mirrors <c>ConsumerSendMsgBackRequestHeader</c>.</summary>
/// <param name="Group">The group that has failed on it.</param>
/// <param name="Message">The message.</param>
/// <param name="DelayLevel">When it is to come again; 0: the broker decides; below 0: it is dead.</param>
/// <param name="MaxReconsumeTimes">How often it may fail.</param>
/// <param name="UnitMode">Whether the group is of unit mode.</param>
internal readonly record struct SendBackRequest(string Group, MessageExt Message, int DelayLevel, int MaxReconsumeTimes, bool UnitMode);
