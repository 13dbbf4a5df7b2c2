using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Effects;

namespace OrleansRocketMQ;

/// <summary>
/// A grain whose state follows from messages, each of which has its effect on it once, however often it is delivered. What
/// <see cref="KeyOrderedStateGrain{TState}"/>, <see cref="OrderlyStateGrain{TState}"/> and those with a type have in common.
/// </summary>
/// <remarks>
/// State and <see cref="ProcessedOffsets"/> are one record, written once for each call of the listener; when the write fails, or
/// the listener does, the record is read again, so that memory never runs ahead of the storage. The storage must refuse a write
/// over a version that the writer has not read (ETag), as those of Orleans do. Only the state is changed once: what a handler
/// does elsewhere, such as a call of a web service, may be done again when the silo dies before the write.
/// </remarks>
/// <typeparam name="TState">The state.</typeparam>
public abstract class MessageStateGrain<TState> : Grain
    where TState : class, new()
{
    private readonly StoredEffects<TState> _effects;

    /// <summary>Begins with what is stored.</summary>
    /// <param name="storage">The state with what is kept beside it.</param>
    protected MessageStateGrain(IPersistentState<MessageDrivenState<TState>> storage)
    {
        ArgumentNullException.ThrowIfNull(storage);
        _effects = new(storage, DeactivateOnIdle);
    }

    /// <summary>The state. Changed by messages, and stored at the end of their call.</summary>
    protected TState State => _effects.Value;

    /// <summary>
    /// Stores what another call than one with messages has changed. When that fails the state is read again: the change is gone.
    /// </summary>
    /// <param name="cancellationToken">Gives up early.</param>
    protected Task WriteStateAsync(CancellationToken cancellationToken = default) => _effects.WriteAsync(cancellationToken);

    private protected Task ApplyAsync(
        MessageBatch messages,
        MessageQueue queue,
        QueueReading reading,
        Func<MessageExt, ValueTask> apply,
        CancellationToken cancellationToken)
        => _effects.ApplyAsync(
            messages.Count, index => messages[index], queue, reading, index => apply(messages[index]), cancellationToken);

    private protected Task ApplyAsync<T>(
        MessageBatch<T> messages,
        MessageQueue queue,
        QueueReading reading,
        Func<Message<T>, ValueTask> apply,
        CancellationToken cancellationToken)
        => _effects.ApplyAsync(
            messages.Count, index => messages[index].Raw, queue, reading, index => apply(messages[index]), cancellationToken);
}
