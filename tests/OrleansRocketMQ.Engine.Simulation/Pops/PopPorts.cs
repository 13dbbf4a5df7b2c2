using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>What a queue asks of its group.</summary>
internal sealed class PopGroup(PopWorld world, Owner owner) : IGroup
{
    private readonly Dictionary<(string Topic, int? Tag), Subscription> _subscriptions = [];

    public bool IsStopping => false;

    public bool DoListenersMove => false;

    public string RetryTopic => SystemTopics.Retry(SimulatedWorld.Group);

    public string? OriginOf(string retryTopic)
        => SystemTopics.IsRetry(retryTopic) && retryTopic != RetryTopic ? SimulatedWorld.Topic : null;

    public Subscription? FindSubscription(string topic)
    {
        var tag = topic == RetryTopic ? null : world.Weather.WantedTag;
        if (!_subscriptions.TryGetValue((topic, tag), out var known))
        {
            var selector = tag is { } wanted ? MessageSelector.ByTag(SimulatedWorld.TagOf(wanted)) : MessageSelector.All;
            _subscriptions[(topic, tag)] = known = new Subscription(topic, selector, _subscriptions.Count + 1);
        }

        return known;
    }

    public DispatchGate OpenGate(MessageQueue queue)
    {
        var gate = new DispatchGate();
        gate.Set(world.IsPaused(queue), owner.Rate);
        return gate;
    }

    public void CloseGate(MessageQueue queue)
    {
    }

    public void NoteMissingAt(string broker)
    {
    }

    public void NoteFoundAt(string broker)
    {
    }
}

/// <summary>Where messages are noted that no broker takes.</summary>
internal sealed class PopParking(PopWorld world) : IParkedMessageStore
{
    public async Task ParkAsync(MessageToPark message, CancellationToken cancellationToken)
    {
        await world.Time.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
        world.Find(message.Message!).Entry.IsDead = true;
    }
}
