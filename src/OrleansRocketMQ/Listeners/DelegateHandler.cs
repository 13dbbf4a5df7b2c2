using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Dispatch;

/// <summary>A listener that is a delegate. It is given one message at a time or batches.</summary>
internal sealed record DelegateHandler(
    bool TakesBatches, Func<MessageBatch, ConsumeContext, CancellationToken, ValueTask<ConsumeResult>> ConsumeAsync)
    : IDelegateListener
{
    public static DelegateHandler Of(Func<MessageExt, CancellationToken, Task> listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        return new(TakesBatches: false, async (messages, _, cancellationToken) =>
        {
            await listener(messages[0], cancellationToken);
            return ConsumeResult.Success;
        });
    }

    public static DelegateHandler Of(Func<MessageExt, CancellationToken, Task<ConsumeResult>> listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        return new(TakesBatches: false, (messages, _, cancellationToken) => new(listener(messages[0], cancellationToken)));
    }

    public static DelegateHandler Of(Func<MessageBatch, ConsumeContext, CancellationToken, ValueTask<ConsumeResult>> listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        return new(TakesBatches: true, listener);
    }

    /// <exception cref="RocketMQConfigurationException">The group would give it batches, and it takes none.</exception>
    public void Check(ConsumerOptions options)
    {
        if (!TakesBatches && options.ConsumeBatchSize != 1)
        {
            throw new RocketMQConfigurationException(
                $"{RocketMQOptions.SectionName}:Consumers:{options.Group}:{nameof(ConsumerOptions.ConsumeBatchSize)}",
                options.ConsumeBatchSize,
                "1 for a listener of one message at a time; HandleBatch takes batches");
        }
    }
}

/// <summary>The delegates that are listeners on this silo, and what its groups are set to.</summary>
internal interface IDelegateHandlers
{
    /// <summary>The options of a group.</summary>
    /// <exception cref="ConsumerStateException">The group is not configured on this silo.</exception>
    ConsumerOptions OptionsOf(string group);

    /// <summary>That of a group.</summary>
    /// <exception cref="ConsumerStateException">It has none on this silo.</exception>
    DelegateHandler HandlerOf(string group);
}
