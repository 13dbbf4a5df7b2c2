namespace OrleansRocketMQ.Dispatch;

/// <summary>As many messages, from the first on, as one call of a typed listener takes; or one that it cannot be given.</summary>
internal abstract class TypedBatch
{
    /// <summary>How many they are; at least one.</summary>
    public abstract int Count { get; }

    /// <summary>Why it is not for the listener; null when it is.</summary>
    public virtual string? Unreadable => null;

    /// <summary>The scope of the call, which a handler shares; null when it is to have one of its own.</summary>
    public IServiceProvider? Services { get; set; }

    /// <summary>The value of a message.</summary>
    public virtual object? ValueAt(int index) => null;

    /// <summary>Has them consumed by a listener in no order, or of a key.</summary>
    public abstract ValueTask<ConsumeResult> ConsumeAsync(object listener, ConsumeContext context, CancellationToken cancellationToken);

    /// <summary>Has them consumed by a listener of a queue in order.</summary>
    public abstract ValueTask<ConsumeOrderlyResult> ConsumeAsync(
        object listener, ConsumeOrderlyContext context, CancellationToken cancellationToken);
}

/// <summary>One message that cannot be read.</summary>
/// <param name="reason">Why.</param>
internal sealed class UnreadableBatch(string reason) : TypedBatch
{
    public override int Count => 1;

    public override string Unreadable => reason;

    public override ValueTask<ConsumeResult> ConsumeAsync(object listener, ConsumeContext context, CancellationToken cancellationToken)
        => throw new InvalidOperationException(reason);

    public override ValueTask<ConsumeOrderlyResult> ConsumeAsync(
        object listener, ConsumeOrderlyContext context, CancellationToken cancellationToken)
        => throw new InvalidOperationException(reason);
}

/// <summary>Messages for a listener grain.</summary>
/// <param name="messages">The messages with their values.</param>
internal sealed class ListenerBatch<T>(ArraySegment<Message<T>> messages) : TypedBatch
{
    public override int Count => messages.Count;

    public override object? ValueAt(int index) => messages[index].Value;

    public override ValueTask<ConsumeResult> ConsumeAsync(object listener, ConsumeContext context, CancellationToken cancellationToken)
        => listener is IKeyOrderedListener<T> keyOrdered
            ? keyOrdered.ConsumeAsync(new MessageBatch<T>(messages), context, cancellationToken)
            : ((IConcurrentListener<T>)listener).ConsumeAsync(new MessageBatch<T>(messages), context, cancellationToken);

    public override ValueTask<ConsumeOrderlyResult> ConsumeAsync(
        object listener, ConsumeOrderlyContext context, CancellationToken cancellationToken)
        => ((IOrderlyListener<T>)listener).ConsumeAsync(new MessageBatch<T>(messages), context, cancellationToken);
}

/// <summary>A message for a plain handler.</summary>
/// <param name="message">The message with its value.</param>
/// <param name="call">Makes the handler and calls it.</param>
internal sealed class HandlerBatch<T>(Message<T> message, Func<Message<T>, MessageContext, CancellationToken, Task> call) : TypedBatch
{
    public override int Count => 1;

    public override object? ValueAt(int index) => index == 0 ? message.Value : throw new ArgumentOutOfRangeException(nameof(index));

    public override async ValueTask<ConsumeResult> ConsumeAsync(
        object listener, ConsumeContext context, CancellationToken cancellationToken)
    {
        await call(message, ContextOf(context.Group, context.Queue, context.ReconsumeTimes, context), cancellationToken);
        return ConsumeResult.Success;
    }

    public override async ValueTask<ConsumeOrderlyResult> ConsumeAsync(
        object listener, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        await call(message, ContextOf(context.Group, context.Queue, context.ReconsumeTimes, context), cancellationToken);
        return context.AutoCommit ? ConsumeOrderlyResult.Success : ConsumeOrderlyResult.Commit;
    }

    private MessageContext ContextOf(string group, MessageQueue queue, int reconsumeTimes, IMessageOutcomes outcomes)
        => new(group, queue, reconsumeTimes) { Services = Services, Call = (outcomes, message.Raw) };
}
