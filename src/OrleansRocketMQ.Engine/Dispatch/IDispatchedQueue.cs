using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>A queue as a dispatcher sees it. Thread-safe.</summary>
internal interface IDispatchedQueue
{
    MessageQueue Queue { get; }

    /// <summary>The queue as listeners know it.</summary>
    MessageQueue Source => Queue;

    /// <summary>What it has for listeners.</summary>
    DispatchBuffer Runs { get; }

    /// <summary>The time it may be worked on, now.</summary>
    QueueLease Ownership { get; }

    /// <summary>What listeners get: fires when their time to finish is over, or the queue's lock is lost.</summary>
    CancellationToken ListenerToken { get; }

    /// <summary>Fires when the queue begins to stop.</summary>
    CancellationToken Stopping { get; }

    /// <summary>What listeners work on.</summary>
    RunningCalls Running { get; }

    QueueStatistics Statistics { get; }

    /// <summary>Whether the whole group stops here, not only this queue.</summary>
    bool IsGroupStopping { get; }

    /// <summary>Whether it must be asked where listeners are before they are given messages.</summary>
    bool DoListenersMove { get; }

    /// <summary>Whether more will come at once: the broker has more for it than it may hold, and it has room to pull.</summary>
    bool IsBehind => false;

    /// <summary>Whether nothing more comes before all that came is done.</summary>
    bool ComesWhenAllIsDone => false;

    /// <summary>
    /// Has the queue's own way bring a failed message again, which then is out of its hands here; false where there is none: it
    /// goes by the retry topic.
    /// </summary>
    /// <param name="message">The message, which is leased.</param>
    /// <param name="failure">When it is to come again.</param>
    bool TryGiveBack(MessageExt message, in FailedMessage failure) => false;

    /// <summary>Lets the queue's owner wait for a task that must not outlive it.</summary>
    void Track(Task task);

    /// <summary>Some messages are done, or something else has changed that the queue may wait for.</summary>
    void OnProgress();

    /// <summary>Messages have come back that nobody has judged: no progress, but whoever waits for listeners may go on.</summary>
    void OnReturned();

    /// <summary>Something went wrong with the queue.</summary>
    void Fail(Exception exception);
}
