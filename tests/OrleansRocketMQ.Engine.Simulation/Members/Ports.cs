using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>Brokers that are always at the same place.</summary>
internal sealed class SimulatedRoutes : IRoutes
{
    public BrokerAddress? FindAddress(MessageQueue queue, long brokerId = BrokerData.MasterId, bool onlyThisBroker = false)
        => At(queue.BrokerName);

    public BrokerAddress? FindMasterOf(MessageExt message) => At(message.BrokerName);

    public TopicRoute? Find(string topic) => null;

    public void Doubt(string topic, Exception reason)
    {
    }

    private static BrokerAddress? At(string broker) => new BrokerAddress(broker, BrokerData.MasterId, broker);
}

/// <summary>The fence of a member, which the run opens and closes.</summary>
internal sealed class SimulatedFence(SimulatedWorld world, Owner owner) : IFence
{
    // Whoever is to be told is told by the run, late as in a real silo.
    public event Action<bool>? Changed
    {
        add { }
        remove { }
    }

    // As a real one does, it looks at the clock; so a step that asks for ever is found.
    public bool IsClosed => world.Time.Now >= 0 && owner.IsFenceClosed;

    public Task WaitUntilOpenAsync(CancellationToken cancellationToken) => owner.WaitUntilOpenAsync(cancellationToken);
}

/// <summary>What a queue asks of its group, whether it is pulled or popped.</summary>
internal sealed class SimulatedGroup(SimulatedWorld world, Owner owner, Predicate<MessageQueue> isPaused) : IGroup
{
    private readonly Dictionary<(string Topic, int? Tag), Subscription> _subscriptions = [];

    public bool IsStopping => false;

    public bool DoListenersMove => world.IsActive(FaultKind.ListenerLeaves, owner.Index);

    public string RetryTopic => SystemTopics.Retry(SimulatedWorld.Group);

    public string? OriginOf(string retryTopic)
        => SystemTopics.IsRetry(retryTopic) && retryTopic != RetryTopic ? SimulatedWorld.Topic : null;

    public Subscription? FindSubscription(string topic)
    {
        var tag = topic == RetryTopic ? null : world.WantedTag;
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
        gate.Set(isPaused(queue), owner.Rate);
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
internal sealed class SimulatedParking(SimulatedWorld world) : IParkedMessageStore
{
    public async Task ParkAsync(MessageToPark message, CancellationToken cancellationToken)
    {
        await world.Time.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
        var queue = world.Find(message.Queue).Index;
        world.Ledgers[queue].SafelyElsewhere(message.Offset, isHeard: true);
        world.Attempts.Done(queue, message.Offset);
    }
}
