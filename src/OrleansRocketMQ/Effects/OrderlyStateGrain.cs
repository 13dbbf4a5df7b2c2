using Orleans.Runtime;
using OrleansRocketMQ.Effects;

namespace OrleansRocketMQ;

/// <summary>
/// A grain that gets the messages of its queue in order (<see cref="IOrderlyListener"/>), each of which has its effect on its
/// state once; all that <see cref="MessageStateGrain{TState}"/> says holds.
/// </summary>
/// <remarks>
/// Mark the class <c>[PreferLocalPlacement]</c>, as any orderly listener. Not for groups with <c>PoisonHandling.Park</c>, whose
/// parked messages come behind later ones: such a group is refused. Of a call that fails no message has had its effect.
/// </remarks>
/// <typeparam name="TState">The state of a queue.</typeparam>
/// <param name="storage">The state with what is kept beside it: a parameter with <c>[PersistentState("name")]</c>.</param>
public abstract class OrderlyStateGrain<TState>(IPersistentState<MessageDrivenState<TState>> storage)
    : MessageStateGrain<TState>(storage), IOrderlyListener, IKeepsEffectsByQueue
    where TState : class, new()
{
    /// <summary>
    /// Applies a message that the state does not have the effect of yet to <see cref="MessageStateGrain{TState}.State"/>.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="context">Where it comes from.</param>
    /// <param name="cancellationToken">Fires when the consumer stops and its time to finish is over, or the lock is lost.</param>
    /// <exception cref="Exception">Any: nothing is stored, and the message comes again before anything else of its queue.</exception>
    protected abstract ValueTask ApplyAsync(MessageExt message, ConsumeOrderlyContext context, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ConsumeOrderlyResult> ConsumeAsync(
        MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        await ApplyAsync(messages, context.Queue, context.Reading, ApplyOneAsync, cancellationToken);
        return context.AutoCommit ? ConsumeOrderlyResult.Success : ConsumeOrderlyResult.Commit;

        async ValueTask ApplyOneAsync(MessageExt message)
        {
            await ApplyAsync(message, context, cancellationToken);
            Outcomes.Check(context.OutcomeOf(message));
        }
    }
}

/// <summary>As <see cref="OrderlyStateGrain{TState}"/>, for values.</summary>
/// <typeparam name="TState">The state of a queue.</typeparam>
/// <typeparam name="T">
/// The values' type. For more of them derive once more and implement <see cref="IOrderlyListener{T}"/> with
/// <see cref="ApplyOnceAsync"/>.
/// </typeparam>
/// <param name="storage">The state with what is kept beside it: a parameter with <c>[PersistentState("name")]</c>.</param>
public abstract class OrderlyStateGrain<TState, T>(IPersistentState<MessageDrivenState<TState>> storage)
    : MessageStateGrain<TState>(storage), IMessageListener, IOrderlyListener<T>, IKeepsEffectsByQueue
    where TState : class, new()
{
    /// <inheritdoc cref="OrderlyStateGrain{TState}.ApplyAsync"/>
    protected abstract ValueTask ApplyAsync(Message<T> message, ConsumeOrderlyContext context, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(
        MessageBatch<T> messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
        => ApplyOnceAsync(messages, context, message => ApplyAsync(message, context, cancellationToken), cancellationToken);

    /// <summary>What a listener's call does: applies the messages that are new, and stores the state once.</summary>
    /// <typeparam name="TOther">The values' type.</typeparam>
    /// <param name="messages">The messages of the call.</param>
    /// <param name="context">The call's context.</param>
    /// <param name="apply">Applies one of them.</param>
    /// <param name="cancellationToken">The call's token.</param>
    protected async ValueTask<ConsumeOrderlyResult> ApplyOnceAsync<TOther>(
        MessageBatch<TOther> messages,
        ConsumeOrderlyContext context,
        Func<Message<TOther>, ValueTask> apply,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        await ApplyAsync(messages, context.Queue, context.Reading, ApplyOneAsync, cancellationToken);
        return context.AutoCommit ? ConsumeOrderlyResult.Success : ConsumeOrderlyResult.Commit;

        async ValueTask ApplyOneAsync(Message<TOther> message)
        {
            await apply(message);
            Outcomes.Check(context.OutcomeOf(message.Raw));
        }
    }
}

/// <summary>A listener that takes messages for known by their place in the queue.</summary>
internal interface IKeepsEffectsByQueue;
