using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>A queue of a group that runs on this member, however its messages come. Thread-safe.</summary>
internal interface IGroupQueue : IDispatchedQueue
{
    /// <summary>When it was made, by the clock's time stamp.</summary>
    long StartedAt { get; }

    /// <summary>Whether its messages are popped: the broker keeps what is done, and the queue has no offset here.</summary>
    bool IsPopped { get; }

    /// <summary>Whether it has been told to end.</summary>
    bool IsEnding { get; }

    /// <summary>Whether it has ended here.</summary>
    bool IsStopped { get; }

    /// <summary>Whether it is known where it is, and its broker has let it have messages.</summary>
    bool HasBegun { get; }

    /// <summary>Whether the broker has not answered for longer than any answer may take.</summary>
    bool IsUnheard { get; }

    /// <summary>Whether something is consumed, or being consumed, of which only this member knows how far it is.</summary>
    bool HoldsUncommitted { get; }

    /// <summary>Whether nothing is known that speaks against this member having it; else nobody may be told how far it is.</summary>
    bool IsCertain { get; }

    /// <summary>Messages listeners still had when its time to stop was over.</summary>
    int Abandoned { get; }

    /// <summary>Messages listeners work on.</summary>
    long InFlight { get; }

    /// <summary>Messages not yet consumed, as far as the broker has told; null when it has not.</summary>
    long? Lag { get; }

    /// <summary>Messages of which the broker has not heard what became of them; null where it is pulled.</summary>
    long? Unacknowledged { get; }

    /// <summary>
    /// Where the broker demands that the queue goes on, while the store has not taken that; null when there is nothing to be taken.
    /// </summary>
    long? UnstoredReset { get; }

    /// <summary>How it fares, in short.</summary>
    QueueLevel Level { get; }

    void Start();

    /// <summary>Brokers may be elsewhere by now.</summary>
    void OnRoutes();

    /// <summary>It has come into doubt, or is no more in doubt, that the queue is this member's.</summary>
    void OnFence(bool closed);

    /// <summary>Somebody has paused or resumed queues, or changed how fast they may go.</summary>
    void OnFlow();

    /// <summary>Lets it go on when it stopped because of failures.</summary>
    void Recover();

    /// <summary>The same when it still stands still for this stop by an error rule, and not for one that has come since.</summary>
    void Recover(QueueStop stop);

    /// <summary>Asks brokers by the present subscription from now on.</summary>
    void RestartPull();

    /// <summary>
    /// Brings no more, lets listeners finish within a budget, tells the broker what is done. Safe to call more than once.
    /// </summary>
    Task StopAsync(TimeSpan budget);

    /// <summary>Waits no longer for listeners: their time to finish is over, however much of it was promised.</summary>
    void Abandon();

    /// <summary>How it fares.</summary>
    QueueSnapshot Snapshot();
}
