using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Consumers;

/// <inheritdoc cref="IRocketMQConsumers"/>
internal sealed class RocketMQConsumers(
    ConsumerSet consumerSet, RocketMQMetrics metrics, TimeProvider time, ILoggerFactory loggers) : IRocketMQConsumers, IDelegateHandlers
{
    private readonly Lazy<Dictionary<string, ConsumerLifecycle>> _byGroup = new(() => consumerSet.All.ToDictionary(
        options => options.Group,
        options => new ConsumerLifecycle(options, metrics, time, loggers.CreateLogger<ConsumerLifecycle>()),
        StringComparer.Ordinal));

    public IReadOnlyCollection<ConsumerLifecycle> Controls => _byGroup.Value.Values;

    public IReadOnlyList<IRocketMQConsumer> All => [.. Controls];

    public IRocketMQConsumer? Find(string group) => _byGroup.Value.GetValueOrDefault(group);

    public IRocketMQConsumer Get(string group)
        => Find(group) ?? throw new ConsumerStateException(group, "not configured on this silo", "be controlled");

    /// <summary>That of a group.</summary>
    /// <exception cref="ConsumerStateException">The group is not configured on this silo.</exception>
    public ConsumerLifecycle Control(string group, string operation)
        => _byGroup.Value.GetValueOrDefault(group) ?? throw new ConsumerStateException(group, "not configured on this silo", operation);

    /// <summary>The way to a group's brokers, whether it runs or not.</summary>
    /// <exception cref="ConsumerStateException">
    /// The group is not configured on any silo, since who needs this is placed where it is; or this one is not active yet.
    /// </exception>
    public RocketMQClient ClientOf(string group, string operation)
        => (_byGroup.Value.GetValueOrDefault(group)
            ?? throw new ConsumerStateException(group, "not configured on any silo of the cluster", operation)).Client
            ?? throw new ConsumerStateException(group, "on a silo that is not active yet", operation);

    /// <exception cref="ConsumerStateException">The group is not configured on this silo.</exception>
    public ConsumerOptions OptionsOf(string group) => Control(group, "consume").Options;

    /// <exception cref="ConsumerStateException">It has none on this silo.</exception>
    public DelegateHandler HandlerOf(string group) => _byGroup.Value.GetValueOrDefault(group)?.Options.Handler as DelegateHandler
        ?? throw new ConsumerStateException(group, "without a delegate on this silo", "consume");
}
