namespace OrleansRocketMQ.Subscriptions;

/// <summary>
/// What a group subscribes to, and how to change it while it runs. Changes hold for the whole group: when a call
/// returns, every silo of it that can be reached knows, and tells its brokers, starts the queues of a new topic, lets
/// those of a topic given up finish and commit, or uses the new selector from the next pull on. Members that are no
/// silos must be told by other means: in RocketMQ all members of a group must have the same subscriptions.
/// </summary>
/// <remarks>
/// <para>Thread-safe. Questions are answered at once from what this silo knows. Changes work whether the consumer runs or
/// not, and last as long as one silo of the group does; what they decide overrides what code and configuration declare.
/// Use <see cref="Export"/> and <see cref="ImportAsync"/> to keep them for longer.</para>
/// <para>Every change raises an error derived from <see cref="SubscribeException"/> when it is refused, and nothing of it
/// is done then. Before the silo is active it raises <see cref="ConsumerStateException"/>.</para>
/// </remarks>
public interface ISubscriptionManager
{
    /// <summary>How many there are, active or not.</summary>
    int Count { get; }

    /// <summary>All of them, by topic.</summary>
    IReadOnlyList<SubscriptionInfo> List();

    /// <summary>That of a topic, or null.</summary>
    SubscriptionInfo? Find(string topic);

    /// <summary>That of a topic.</summary>
    /// <exception cref="NotSubscribedException">There is none.</exception>
    SubscriptionInfo Get(string topic);

    /// <summary>Whether there is one of a topic, active or not.</summary>
    bool IsSubscribed(string topic);

    /// <summary>Counts of what was asked for here.</summary>
    SubscriptionMetrics Metrics { get; }

    /// <summary>
    /// Subscribes to a topic. One that is subscribed to with the same selector already stays as it is, and is active
    /// afterwards.
    /// </summary>
    /// <param name="topic">The topic; it may be made later.</param>
    /// <param name="selector">Which messages; null for all.</param>
    /// <param name="cancellationToken">Gives up waiting; the change may still be made.</param>
    /// <exception cref="InvalidTopicException">The name is not allowed.</exception>
    /// <exception cref="InvalidSelectorException">The broker does not accept the selector.</exception>
    /// <exception cref="SubscriptionConflictException">There is one with another selector.</exception>
    /// <exception cref="SubscriptionLimitExceededException">There are <c>MaxSubscriptions</c> already.</exception>
    Task SubscribeAsync(string topic, MessageSelector? selector = null, CancellationToken cancellationToken = default);

    /// <summary>Gives a topic up. Its queues finish what they have begun, commit, and are released.</summary>
    /// <exception cref="NotSubscribedException">There is no subscription.</exception>
    Task UnsubscribeAsync(string topic, CancellationToken cancellationToken = default);

    /// <summary>
    /// Gives a subscription another selector. It applies from the next pull on; messages already passed over do not come
    /// again.
    /// </summary>
    /// <exception cref="NotSubscribedException">There is no subscription.</exception>
    /// <exception cref="InvalidSelectorException">The broker does not accept the selector.</exception>
    Task UpdateSelectorAsync(string topic, MessageSelector selector, CancellationToken cancellationToken = default);

    /// <summary>Consumes a topic again.</summary>
    /// <exception cref="NotSubscribedException">There is no subscription.</exception>
    Task ActivateAsync(string topic, CancellationToken cancellationToken = default);

    /// <summary>Stops consuming a topic but keeps its subscription.</summary>
    /// <exception cref="NotSubscribedException">There is no subscription.</exception>
    Task DeactivateAsync(string topic, CancellationToken cancellationToken = default);

    /// <summary>Gives all topics up.</summary>
    Task ClearAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Checks a topic's name and a selector as <see cref="SubscribeAsync"/> does, asking a broker about SQL92 conditions;
    /// subscribes to nothing.
    /// </summary>
    /// <exception cref="InvalidTopicException">The name is not allowed.</exception>
    /// <exception cref="InvalidSelectorException">The broker does not accept the selector.</exception>
    Task ValidateAsync(string topic, MessageSelector? selector = null, CancellationToken cancellationToken = default);

    /// <summary>All subscriptions as JSON.</summary>
    string Export();

    /// <summary>Takes over what <see cref="Export"/> has written: all of it, or nothing when any of it is wrong.</summary>
    /// <param name="json">The text.</param>
    /// <param name="replace">Whether topics it does not name are given up; otherwise they stay as they are.</param>
    /// <param name="cancellationToken">Gives up waiting; the change may still be made.</param>
    /// <exception cref="SubscriptionDataException">The text is no such JSON.</exception>
    Task ImportAsync(string json, bool replace = false, CancellationToken cancellationToken = default);
}
