using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Ports;

/// <summary>What one queue tells the process's meter. Thread-safe.</summary>
internal interface IQueueMetrics
{
    /// <summary>Messages a listener consumed.</summary>
    void Succeeded(int messages);

    /// <summary>Messages a listener failed on, all for one reason.</summary>
    void Failed(int messages, string? errorType);

    /// <summary>Messages a listener failed on, each for its own reason.</summary>
    void Failed(IReadOnlyList<FailedMessage>? failures);

    /// <summary>Failed messages that come again.</summary>
    void Retried(int messages);

    /// <summary>Messages that went to the dead letters.</summary>
    void FiledAsDead(int messages);

    /// <summary>A message that no broker takes was parked.</summary>
    void Parked();

    /// <summary>A pull from a broker brought messages.</summary>
    void Pulled(TimeSpan took, string broker);

    /// <summary>A pull from a broker failed.</summary>
    void PullFailed(TimeSpan took, string broker, Exception error);

    /// <summary>Popped messages were done when others could have them already.</summary>
    void CameLate(int messages);

    /// <summary>The queue's lock was lost while it ran here.</summary>
    void LockLost();

    /// <summary>The queue goes on here after another member has handed it over.</summary>
    void TakenOver(TimeSpan pause);
}
