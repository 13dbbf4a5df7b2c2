using System.Buffers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ;

/// <summary>
/// A grain whose state follows from messages, each of which has its effect on it once, however often it is delivered. What
/// <see cref="KeyOrderedStateGrain{TState}"/>, <see cref="OrderlyStateGrain{TState}"/> and those with a type have in common.
/// </summary>
/// <remarks>
/// <para>
/// State, <see cref="ProcessedOffsets"/> and what is to be sent are one record, written once for each call of the listener; when
/// the write fails, or the listener does, the record is read again, so that memory never runs ahead of the storage. The storage
/// must refuse a write over a version that the writer has not read (ETag), as those of Orleans do. Only the state is changed
/// once: what a handler does elsewhere, such as a call of a web service, may be done again when the silo dies before the write.
/// </para>
/// <para>
/// Messages given to <see cref="Send(Message)"/> are sent when they are stored, in the order in which they were given: nothing is
/// sent whose state was not stored, and nothing is lost whose state was. They go to the brokers of the group.
/// </para>
/// </remarks>
/// <typeparam name="TState">The state.</typeparam>
public abstract class MessageStateGrain<TState> : Grain, IHasOutbox
    where TState : class, new()
{
    private static readonly int LargestBody = new ProducerOptions { Group = nameof(Outbox) }.MaxMessageSize;

    private readonly StoredEffects<TState> _effects;

    /// <summary>Begins with what is stored.</summary>
    /// <param name="storage">The state with what is kept beside it.</param>
    protected MessageStateGrain(IPersistentState<MessageDrivenState<TState>> storage)
    {
        ArgumentNullException.ThrowIfNull(storage);
        _effects = new(storage, () => Outbox, DeactivateOnIdle);
    }

    /// <summary>The state. Changed by messages, and stored at the end of their call.</summary>
    protected TState State => _effects.Value;

    private IOutbox Outbox => ServiceProvider.GetRequiredService<IOutboxes>().Of(GrainContext);

    /// <summary>
    /// Stores what another call than one with messages has changed, and what it wants sent. When that fails the state is read
    /// again: the change is gone, and nothing is sent.
    /// </summary>
    /// <param name="cancellationToken">Gives up early.</param>
    protected Task WriteStateAsync(CancellationToken cancellationToken = default) => _effects.WriteAsync(cancellationToken);

    /// <summary>
    /// Sends a message once the state is stored: with a sharding key to that key's queue, otherwise to any. The message is stored
    /// in the same write, with an id (<c>UNIQ_KEY</c>) that a copy sent again after a crash has, too.
    /// </summary>
    /// <param name="message">The message. It is copied.</param>
    /// <exception cref="RocketMQValidationException">It could never be sent: its topic, size or properties are not allowed.</exception>
    protected void Send(Message message)
    {
        MessageChecks.Check(message, LargestBody);
        message[MessageProperties.UniqueKey] ??= UniqueMessageId.OfThisProcess.Next();

        // One that can never be sent would hold up all that follow.
        var properties = MessageProperties.Encode(message.Properties);
        MessageChecks.CheckSize("the properties", Encoding.UTF8.GetByteCount(properties), short.MaxValue);
        _effects.Record(RecordedMessage.Of(message));
    }

    /// <summary>As <see cref="Send(Message)"/>, a value as the group's serializer writes it.</summary>
    /// <typeparam name="T">The type to write it as; consumers must read a type that goes with it.</typeparam>
    /// <param name="topic">Where it goes.</param>
    /// <param name="value">The value.</param>
    /// <param name="tag">The tag consumers may select by, and tell types apart.</param>
    /// <param name="key">A key the message can be looked up by.</param>
    /// <param name="shardingKey">Messages with the same one go to the same queue and keep their order.</param>
    /// <exception cref="RocketMQValidationException">It could never be sent: its topic, size or properties are not allowed.</exception>
    protected void Send<T>(string topic, T value, string? tag = null, string? key = null, string? shardingKey = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentNullException.ThrowIfNull(value);
        var body = new ArrayBufferWriter<byte>();
        Outbox.Serializer.Serialize(value, body);
        Send(new Message(topic, body.WrittenMemory, tag, key) { ShardingKey = shardingKey });
    }

    string? IHasOutbox.Full => _effects.Full;

    Task<bool> IHasOutbox.DrainAsync() => _effects.DrainAsync();

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
