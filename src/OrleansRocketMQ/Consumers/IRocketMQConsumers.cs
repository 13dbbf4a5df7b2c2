using OrleansRocketMQ.Subscriptions;

namespace OrleansRocketMQ.Consumers;

/// <summary>The consumers of this silo; a service of its host. Thread-safe.</summary>
public interface IRocketMQConsumers
{
    /// <summary>All of them, whether they run or not.</summary>
    IReadOnlyList<IRocketMQConsumer> All { get; }

    /// <summary>That of a group, or null.</summary>
    IRocketMQConsumer? Find(string group);

    /// <summary>That of a group.</summary>
    /// <exception cref="ConsumerStateException">The group is not configured on this silo.</exception>
    IRocketMQConsumer Get(string group);
}

/// <summary>
/// One group's consumer on this silo: started, stopped and given other subscriptions without touching those of other
/// groups or of other silos. Thread-safe. Mirrors the life cycle of <c>DefaultMQPushConsumer</c>.
/// </summary>
public interface IRocketMQConsumer
{
    /// <summary>The group.</summary>
    string Group { get; }

    /// <summary>What it does now.</summary>
    ConsumerState State { get; }

    /// <summary>What the group subscribes to.</summary>
    ISubscriptionManager Subscriptions { get; }

    /// <summary>Starts it; does nothing when it runs. Brokers that are away do not keep it from starting.</summary>
    /// <param name="cancellationToken">Gives up while it waits for another start or stop, or for the group's subscriptions.</param>
    /// <exception cref="ConsumerStateException">The silo is not active yet, or stops.</exception>
    /// <exception cref="ConsumerStartException">It has no listener.</exception>
    Task StartAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Stops it; does nothing when it is stopped. Pulls end, listeners finish within <c>ShutdownTimeout</c>, offsets are
    /// committed, and it leaves the group, so that other members take its queues.
    /// </summary>
    /// <param name="cancellationToken">Gives up while it waits for another start or stop; a stop that has begun goes on.</param>
    /// <exception cref="ConsumerShutdownException">
    /// It has stopped, but listeners did not end in time; what they had comes again.
    /// </exception>
    Task StopAsync(CancellationToken cancellationToken = default);

    /// <summary>Stops it if it runs, then starts it.</summary>
    /// <exception cref="ConsumerStateException">The silo is not active yet, or stops.</exception>
    /// <exception cref="ConsumerStartException">It has no listener.</exception>
    Task RestartAsync(CancellationToken cancellationToken = default);

    /// <summary>Registers a listener that gets one message at a time, instead of a listener grain.</summary>
    /// <param name="listener">Called many times at once; that it ends without an exception means success.</param>
    /// <exception cref="ConsumerStateException">The consumer is not stopped.</exception>
    /// <exception cref="RocketMQConfigurationException"><c>ConsumeBatchSize</c> is not 1.</exception>
    void Handle(Func<MessageExt, CancellationToken, Task> listener);

    /// <inheritdoc cref="Handle(Func{MessageExt, CancellationToken, Task})"/>
    /// <param name="listener">Called many times at once; an exception counts as <see cref="ConsumeResult.ReconsumeLater"/>.</param>
    void Handle(Func<MessageExt, CancellationToken, Task<ConsumeResult>> listener);

    /// <summary>Registers a listener that gets batches, instead of a listener grain.</summary>
    /// <param name="listener">Called many times at once; as <see cref="IConcurrentListener.ConsumeAsync"/>.</param>
    /// <exception cref="ConsumerStateException">The consumer is not stopped.</exception>
    void HandleBatch(Func<MessageBatch, ConsumeContext, CancellationToken, ValueTask<ConsumeResult>> listener);
}

/// <summary>What a consumer does.</summary>
public enum ConsumerState
{
    /// <summary>Nothing: it was not started, or was stopped.</summary>
    Stopped = 0,

    /// <summary>It learns what the group subscribes to.</summary>
    Starting = 1,

    /// <summary>It is a member of its group.</summary>
    Running = 2,

    /// <summary>Its queues end and go to others.</summary>
    Stopping = 3,
}
