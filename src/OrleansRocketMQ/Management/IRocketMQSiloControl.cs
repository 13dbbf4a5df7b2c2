using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Pauses and slows down groups on this silo alone, beside what is set for the whole cluster by
/// <see cref="IConsumerGroupManagementGrain"/>: a queue is paused when either says so, and the lower rate holds. Takes
/// effect at once, and is forgotten when the silo stops. Thread-safe.
/// </summary>
public interface IRocketMQSiloControl
{
    /// <summary>What is paused and slowed down on this silo alone.</summary>
    /// <exception cref="ConsumerStateException">The group does not run on this silo.</exception>
    FlowSettings GetFlow(string group);

    /// <summary>Pauses a group, a topic or a queue: no pulls, and nothing that is buffered goes to listeners.</summary>
    /// <inheritdoc cref="GetFlow"/>
    void Pause(string group, ConsumerScope scope);

    /// <summary>
    /// Ends exactly that pause, and lets queues in the scope go on that stopped because of failures. One that an error rule has
    /// stopped is the whole cluster's: <see cref="IConsumerGroupManagementGrain.ResumeAsync"/> lets it go on.
    /// </summary>
    /// <inheritdoc cref="GetFlow"/>
    void Resume(string group, ConsumerScope scope);

    /// <summary>Limits how many messages of a topic go to listeners of this silo per second; null: no limit.</summary>
    /// <exception cref="RocketMQValidationException">The limit is not above 0.</exception>
    /// <inheritdoc cref="GetFlow"/>
    void LimitRate(string group, string topic, double? messagesPerSecond);
}

/// <inheritdoc cref="IRocketMQSiloControl"/>
internal sealed class RocketMQSiloControl(ConsumerRegistry consumers) : IRocketMQSiloControl
{
    public FlowSettings GetFlow(string group) => Find(group, "tell what is paused").Flow.Local;

    public void Pause(string group, ConsumerScope scope) => Find(group, "pause").Flow.ChangeLocal(settings => settings.Pause(scope));

    public void Resume(string group, ConsumerScope scope)
    {
        var consumer = Find(group, "resume");
        consumer.Flow.ChangeLocal(settings => settings.Resume(scope));
        foreach (var pump in consumer.Pumps.Values.Where(pump => scope.Contains(pump.Source)))
        {
            pump.Recover();
        }
    }

    public void LimitRate(string group, string topic, double? messagesPerSecond)
        => Find(group, "limit its rate").Flow.ChangeLocal(settings => settings.LimitRate(topic, messagesPerSecond));

    private ConsumerGroupRuntime Find(string group, string operation)
        => consumers.Find(group) ?? throw new ConsumerStateException(group, "not running on this silo", operation);
}
