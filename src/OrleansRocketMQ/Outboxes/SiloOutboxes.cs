using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Outboxes;

/// <summary>The outboxes of the grains on this silo: who sends their messages, and who knows of them. Thread-safe.</summary>
internal sealed partial class SiloOutboxes(
    RocketMQConsumers consumers,
    ListenerClasses listeners,
    IGrainFactory grains,
    IServiceProvider services,
    ILoggerFactory loggers,
    ILogger<SiloOutboxes> logger) : IOutboxes
{
    private static readonly HashSelector ByShardingKey = new();

    private readonly ConcurrentDictionary<Type, OutboxPlace> _places = new();
    private readonly ConcurrentDictionary<string, Lazy<Producer>> _producers = new(StringComparer.Ordinal);

    /// <summary>The indexes of this silo's groups whose grains may have messages to send.</summary>
    public IEnumerable<OutboxPlace> Places => consumers.Controls
        .Where(control => control.Options.Listener is not null)
        .Select(control => (control.Group, Class: listeners.ClassOf(control.Group, control.Options.Listener!)))
        .Where(known => OutboxPlace.Has(known.Class))
        .Select(known => new OutboxPlace(known.Group, OutboxPlace.StorageOf(known.Class)));

    public IOutbox Of(IGrainContext grain)
        => new Outbox(this, grain.GrainId, _places.GetOrAdd(grain.GrainInstance!.GetType(), PlaceOf));

    /// <summary>Takes leave of the brokers; nothing is sent any more.</summary>
    public async Task StopAsync()
    {
        foreach (var producer in _producers.Values)
        {
            await producer.Value.DisposeAsync();
        }
    }

    /// <exception cref="ConsumerStateException">No group of this silo has the class as its listener.</exception>
    private OutboxPlace PlaceOf(Type grain)
    {
        var control = consumers.Controls.FirstOrDefault(control => control.Options.Listener is { } listener
            && listeners.ClassOf(control.Group, listener) == grain)
            ?? throw new ConsumerStateException(grain.Name, "no listener of a group on this silo", "send messages");
        return new(control.Group, OutboxPlace.StorageOf(grain));
    }

    private Producer ProducerOf(string group)
    {
        // Outside of what is kept: a silo that still starts has none, and is asked again.
        var client = consumers.ClientOf(group, "send");
        return _producers.GetOrAdd(
            group, name => new(() => new Producer(client, new ProducerOptions { Group = $"{name}_OUTBOX" }, loggers))).Value;
    }

    private sealed class Outbox(SiloOutboxes silo, GrainId grain, OutboxPlace place) : IOutbox
    {
        public IMessageSerializer Serializer
            => (silo.OptionsOf(place.Group).Typed as TypedDeclaration)?.Serializer
                ?? silo.Services.GetService<IMessageSerializer>()
                ?? JsonMessageSerializer.Default;

        public Task AnnounceAsync() => silo.Grains.GetGrain<IOutboxIndexGrain>(place.Key).AddAsync(grain);

        public void TellFull(string why) => Log.Full(silo.Logger, grain, why);

        public async Task<bool> TrySendAsync(RecordedMessage recorded)
        {
            var message = recorded.ToMessage();
            try
            {
                // In the grain's turn.
                await (message.ShardingKey is null
                    ? silo.ProducerOf(place.Group).SendAsync(message)
                    : silo.ProducerOf(place.Group).SendAsync(message, ByShardingKey));
                return true;
            }
            catch (RocketMQException exception)
            {
                Log.NotSent(silo.Logger, message[MessageProperties.UniqueKey]!, message.Topic, grain, exception.Message);
                return false;
            }
        }
    }

    private IGrainFactory Grains => grains;

    private IServiceProvider Services => services;

    private ILogger Logger => logger;

    private Configuration.ConsumerOptions OptionsOf(string group) => consumers.OptionsOf(group);

    private static partial class Log
    {
        [LoggerMessage(
            301,
            LogLevel.Warning,
            "Message {MessageId} to {Topic}, recorded by {Grain}, could not be sent; it stays recorded and is tried again: {Reason}")]
        public static partial void NotSent(ILogger logger, string messageId, string topic, GrainId grain, string reason);

        [LoggerMessage(400, LogLevel.Warning, "{Grain} takes no messages, they wait without an attempt counted: {Reason}")]
        public static partial void Full(ILogger logger, GrainId grain, string reason);
    }
}
