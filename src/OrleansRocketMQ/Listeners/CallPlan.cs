using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Filters;

namespace OrleansRocketMQ.Dispatch;

/// <summary>Has a listener consume a batch.</summary>
/// <param name="read">The values of its messages; null for a listener that gets them as they came.</param>
/// <param name="batch">The messages.</param>
/// <param name="context">What the listener is told, and tells.</param>
/// <param name="progress">Of the run.</param>
internal delegate ValueTask<ConsumeResult> BatchCall(
    TypedBatch? read, ArraySegment<MessageExt> batch, ConsumeContext context, RunProgress progress);

/// <summary>
/// How an activation of a listener is called for a group: with values, through filters and by error rules, each where the group has
/// them. Made once, so that what a group does not use costs none of its messages anything.
/// </summary>
internal sealed class CallPlan
{
    private readonly object _listener;

    /// <param name="group">The group.</param>
    /// <param name="listener">The listener.</param>
    /// <param name="typed">What typed listeners get.</param>
    /// <param name="pipeline">The group's filters; null when there are none.</param>
    /// <param name="policy">The group's error rules; null when there are none.</param>
    /// <exception cref="ConsumerStateException">The listener is a typed one, and nobody knows the group's types.</exception>
    public CallPlan(string group, object listener, TypedListeners typed, ConsumePipeline? pipeline, ErrorPolicy? policy)
    {
        _listener = listener;
        Group = group;
        Values = listener is IConcurrentListener or IKeyOrderedListener or ILeasedListener ? null : typed.Of(group, listener);
        Outbox = listener as IHasOutbox;
        IsWarmUp = listener is WarmUpListener;
        Policy = policy;
        IsPerMessage = pipeline is { IsPerMessage: true };
        Call = DirectCall();
        Call = pipeline is null ? Call : Filtered(Call, pipeline);
        Call = policy is null ? Call : ByRules(Call, policy);
    }

    public string Group { get; }

    /// <summary>What makes values of the messages; null for a listener that gets them as they came.</summary>
    public TypedConsumer? Values { get; }

    /// <summary>The listener's outbox; null when it has none.</summary>
    public IHasOutbox? Outbox { get; }

    /// <summary>The group's error rules; null when there are none.</summary>
    public ErrorPolicy? Policy { get; }

    /// <summary>Whether a filter wants each message in a call of its own.</summary>
    public bool IsPerMessage { get; }

    /// <summary>Whether nobody is to hear of its calls: they are no consumption.</summary>
    public bool IsWarmUp { get; }

    /// <summary>Calls the listener.</summary>
    public BatchCall Call { get; }

    private BatchCall DirectCall() => _listener switch
    {
        IConcurrentListener concurrent
            => (_, batch, context, progress) => concurrent.ConsumeAsync(new MessageBatch(batch), context, progress.Token),
        ILeasedListener leased
            => (_, batch, context, progress) => progress.Leased.ConsumeAsync(leased, batch, context, progress.Token),
        IKeyOrderedListener keyOrdered
            => (_, batch, context, progress) => keyOrdered.ConsumeAsync(new MessageBatch(batch), context, progress.Token),
        _ => (read, _, context, progress) => read!.ConsumeAsync(_listener, context, progress.Token),
    };

    private BatchCall Filtered(BatchCall inner, ConsumePipeline pipeline) => async (read, batch, context, progress) =>
    {
        // A filter may keep what it sees, so of leased messages it gets copies.
        var seen = _listener is ILeasedListener ? batch.Select(message => message.Owned()).ToArray() : batch;
        var call = new ConsumeCall(new MessageBatch(seen), context) { Values = read is null ? null : read.ValueAt };
        await pipeline.RunAsync(
            call,
            async services =>
            {
                read?.Services = services;
                call.Result = await inner(read, batch, context, progress);
            },
            progress.Token);
        return call.Result!.Value;
    };

    /// <summary>Filters see each of the calls that a rule makes.</summary>
    private static BatchCall ByRules(BatchCall inner, ErrorPolicy policy) => (read, batch, context, progress) =>
    {
        var reconsumeTimes = context.ReconsumeTimes;
        return policy.CallAsync(
            () => inner(read, batch, context, progress),
            batch[0].Topic,
            () =>
            {
                context.Reset(reconsumeTimes);
                progress.Renew();
            },
            progress.Token);
    };
}
