namespace OrleansRocketMQ.Engine.Ports;

/// <summary>
/// Keeps one record of each queue where it outlives this process: its checkpoint, or the failures of its messages.
/// Thread-safe.
/// </summary>
/// <typeparam name="T">The record, a plain value.</typeparam>
internal interface IRecordStorage<T>
    where T : class
{
    /// <summary>Whether only this member sees what is written, as in files of its own.</summary>
    bool IsLocal { get; }

    /// <summary>Reads the record of a queue.</summary>
    /// <exception cref="Exception">It could not be read; nothing is known of it.</exception>
    Task<IStoredRecord<T>> ReadAsync(MessageQueue queue, CancellationToken cancellationToken);
}

/// <summary>
/// A record as it was read, or written last. Whoever writes by it writes only if nobody else has since. One call at a time;
/// after one that failed or was given up the record is read anew.
/// </summary>
internal interface IStoredRecord<T>
    where T : class
{
    /// <summary>What is stored; null when nothing is.</summary>
    T? Value { get; }

    /// <summary>Puts another value in its place.</summary>
    /// <exception cref="Exception">It is not stored for sure; it may be all the same.</exception>
    Task WriteAsync(T value, CancellationToken cancellationToken);

    /// <summary>Removes it.</summary>
    /// <exception cref="Exception">It is not removed for sure; it may be all the same.</exception>
    Task ClearAsync(CancellationToken cancellationToken);
}
