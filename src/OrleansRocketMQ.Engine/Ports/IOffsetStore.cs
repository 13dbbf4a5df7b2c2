namespace OrleansRocketMQ.Engine.Ports;

/// <summary>
/// Keeps how far a group is in each queue of this silo: in memory what is to be told, elsewhere what has been. Whoever
/// owns a queue tells its offsets one after the other. Thread-safe. Mirrors <c>OffsetStore</c>.
/// </summary>
internal interface IOffsetStore
{
    /// <summary>Whether the store is the broker itself, so that a pull may tell it an offset on the way.</summary>
    bool IsAtBroker { get; }

    /// <summary>What it has done.</summary>
    OffsetStoreMetrics Metrics { get; }

    /// <summary>The offset of a queue; null when there is none.</summary>
    /// <exception cref="RocketMQException">
    /// The store could not be asked. That is not the same as having none: whoever guesses loses or repeats messages.
    /// </exception>
    ValueTask<long?> ReadAsync(MessageQueue queue, OffsetReadMode mode, CancellationToken cancellationToken);

    /// <summary>Notes an offset, to be stored by <see cref="PersistAsync"/>.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="offset">The offset below which everything is done.</param>
    /// <param name="increaseOnly">Whether a lower one than is known is left out; false only for an explicit reset.</param>
    void Update(MessageQueue queue, long offset, bool increaseOnly);

    /// <summary>Stores what is noted for a queue.</summary>
    /// <returns>Whether it is where it belongs; false: somewhere that stands in for it only, so it must be told again.</returns>
    /// <exception cref="RocketMQException">The store did not take it; it stays noted.</exception>
    Task<bool> PersistAsync(MessageQueue queue);

    /// <summary>Forgets a queue that is not this silo's any more. What is stored stays.</summary>
    void Remove(MessageQueue queue);

    /// <summary>What is noted for the queues of a topic.</summary>
    IReadOnlyDictionary<MessageQueue, long> CloneTable(string topic);
}
