using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Subscriptions;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>What a queue asks of its group on this member. Thread-safe.</summary>
internal interface IGroup
{
    /// <summary>Whether the whole group stops here, not only a queue.</summary>
    bool IsStopping { get; }

    /// <summary>Whether it must be asked where listeners are before they are given messages.</summary>
    bool DoListenersMove { get; }

    /// <summary>Where failed messages of the group come back from.</summary>
    string RetryTopic { get; }

    /// <summary>The topic whose popped messages come again in a topic; null when it is no such retry topic.</summary>
    string? OriginOf(string retryTopic) => null;

    /// <summary>What the group wants of a topic; null when it does not subscribe to it.</summary>
    Subscription? FindSubscription(string topic);

    /// <summary>The gate of a queue that starts here: whether it is paused, and how fast it may go.</summary>
    DispatchGate OpenGate(MessageQueue queue);

    /// <summary>The queue has ended.</summary>
    void CloseGate(MessageQueue queue);

    /// <summary>A broker has said that it knows no such group.</summary>
    void NoteMissingAt(string broker);

    /// <summary>A broker has served the group.</summary>
    void NoteFoundAt(string broker);
}
