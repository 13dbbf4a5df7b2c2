using Orleans.Runtime;
using OrleansRocketMQ.Effects;

namespace OrleansRocketMQ.Outboxes;

/// <inheritdoc cref="IOutboxDrain"/>
internal sealed class OutboxDrain(IGrainContext grain) : IOutboxDrain
{
    public Task<bool> DrainAsync() => ((IHasOutbox)grain.GrainInstance!).DrainAsync();
}
