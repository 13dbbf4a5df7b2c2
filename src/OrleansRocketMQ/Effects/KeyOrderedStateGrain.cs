using Orleans.Runtime;
using OrleansRocketMQ.Effects;

namespace OrleansRocketMQ;

/// <summary>
/// A grain that gets the messages of its key in order (<see cref="IKeyOrderedListener"/>), each of which has its effect on its
/// state once; all that <see cref="MessageStateGrain{TState}"/> says holds.
/// </summary>
/// <remarks>
/// A message without a sharding key belongs to no grain whose state it could change: it goes to the dead letters. Of a call
/// that fails no message has had its effect.
/// </remarks>
/// <typeparam name="TState">The state.</typeparam>
/// <param name="storage">The state with what is kept beside it: a parameter with <c>[PersistentState("name")]</c>.</param>
public abstract class KeyOrderedStateGrain<TState>(IPersistentState<MessageDrivenState<TState>> storage)
    : MessageStateGrain<TState>(storage), IKeyOrderedListener
    where TState : class, new()
{
    /// <summary>
    /// Applies a message that the state does not have the effect of yet to <see cref="MessageStateGrain{TState}.State"/>.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="context">Where it comes from.</param>
    /// <param name="cancellationToken">Fires when the batch takes too long, or the consumer stops and its time to finish is over.</param>
    /// <exception cref="Exception">Any: nothing is stored, and the message comes again before anything else of its key.</exception>
    protected abstract ValueTask ApplyAsync(MessageExt message, ConsumeContext context, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ConsumeResult> ConsumeAsync(
        MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!MessageKeys.AreMissing(messages, context))
        {
            await ApplyAsync(messages, context.Queue, context.Reading, ApplyOneAsync, cancellationToken);
        }

        return ConsumeResult.Success;

        async ValueTask ApplyOneAsync(MessageExt message)
        {
            await ApplyAsync(message, context, cancellationToken);
            Outcomes.Check(context.OutcomeOf(message));
        }
    }
}

/// <summary>As <see cref="KeyOrderedStateGrain{TState}"/>, for values.</summary>
/// <typeparam name="TState">The state.</typeparam>
/// <typeparam name="T">
/// The values' type. For more of them derive once more and implement <see cref="IKeyOrderedListener{T}"/> with
/// <see cref="ApplyOnceAsync"/>.
/// </typeparam>
/// <param name="storage">The state with what is kept beside it: a parameter with <c>[PersistentState("name")]</c>.</param>
public abstract class KeyOrderedStateGrain<TState, T>(IPersistentState<MessageDrivenState<TState>> storage)
    : MessageStateGrain<TState>(storage), IMessageListener, IKeyOrderedListener<T>
    where TState : class, new()
{
    /// <inheritdoc cref="KeyOrderedStateGrain{TState}.ApplyAsync"/>
    protected abstract ValueTask ApplyAsync(Message<T> message, ConsumeContext context, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ConsumeResult> ConsumeAsync(
        MessageBatch<T> messages, ConsumeContext context, CancellationToken cancellationToken)
        => ApplyOnceAsync(messages, context, message => ApplyAsync(message, context, cancellationToken), cancellationToken);

    /// <summary>What a listener's call does: applies the messages that are new, and stores the state once.</summary>
    /// <typeparam name="TOther">The values' type.</typeparam>
    /// <param name="messages">The messages of the call.</param>
    /// <param name="context">The call's context.</param>
    /// <param name="apply">Applies one of them.</param>
    /// <param name="cancellationToken">The call's token.</param>
    protected async ValueTask<ConsumeResult> ApplyOnceAsync<TOther>(
        MessageBatch<TOther> messages,
        ConsumeContext context,
        Func<Message<TOther>, ValueTask> apply,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!MessageKeys.AreMissing(messages.Select(message => message.Raw), context))
        {
            await ApplyAsync(messages, context.Queue, context.Reading, ApplyOneAsync, cancellationToken);
        }

        return ConsumeResult.Success;

        async ValueTask ApplyOneAsync(Message<TOther> message)
        {
            await apply(message);
            Outcomes.Check(context.OutcomeOf(message.Raw));
        }
    }
}

internal static class MessageKeys
{
    /// <summary>Whether messages have no key. They come to no grain with ones that have, and become dead letters.</summary>
    public static bool AreMissing(IEnumerable<MessageExt> messages, ConsumeContext context)
    {
        if (!messages.All(message => string.IsNullOrEmpty(message.ShardingKey)))
        {
            return false;
        }

        foreach (var message in messages)
        {
            context.Reject(message, "The message has no sharding key: it belongs to no grain whose state it could change.");
        }

        return true;
    }
}
