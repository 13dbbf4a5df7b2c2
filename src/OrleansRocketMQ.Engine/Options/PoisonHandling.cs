namespace OrleansRocketMQ.Configuration;

/// <summary>What an orderly queue does while one of its messages fails again and again.</summary>
public enum PoisonHandling
{
    /// <summary>Nothing else of the queue is consumed until the message succeeds or goes to the dead letters. As in Java.</summary>
    Block = 0,

    /// <summary>
    /// The message is set aside with the later ones of its sharding key, in order, and tried again after each pause, while
    /// the other keys of the queue go on. Messages without a sharding key still block. The queue's offset waits for what is
    /// set aside, so after a crash the messages of the other keys behind it come again. Batches are always committed
    /// automatically.
    /// </summary>
    Park = 1,
}
