using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Runtime.Hosting;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Hosting;

/// <summary>Says in code what a silo consumes.</summary>
public sealed class RocketMQBuilder : IDecompressorRegistry, IMessageSerializerRegistry
{
    internal RocketMQBuilder(IServiceCollection services) => Services = services;

    /// <summary>The silo's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Sets the name servers: <c>host:port</c>, several separated by <c>;</c>.</summary>
    public RocketMQBuilder UseNameServer(string nameServer) => Configure(options => options.NameServer = nameServer);

    /// <summary>Sets what all consumers share.</summary>
    public RocketMQBuilder Configure(Action<RocketMQOptions> configure)
    {
        Services.Configure(configure);
        return this;
    }

    /// <summary>
    /// Sets options of every consumer of the silo, those of attributes and configuration included, as a start: what is
    /// said of a single one counts, wherever it is said.
    /// </summary>
    public RocketMQBuilder ConfigureConsumers(Action<ConsumerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        Services.AddSingleton(new ConsumerDefaults(configure));
        return this;
    }

    /// <summary>
    /// Registers who decompresses bodies of a type other than zlib. Without one such messages count as failed and go the
    /// way of retry. For LZ4 and ZSTD the package OrleansRocketMQ.Compression has <c>AddLz4AndZstd()</c>.
    /// </summary>
    public RocketMQBuilder AddDecompressor(IMessageDecompressor decompressor)
    {
        ArgumentNullException.ThrowIfNull(decompressor);
        Services.AddSingleton(decompressor);
        return this;
    }

    /// <summary>
    /// Keeps this library's own state (progress of broadcasting groups, failure counts of orderly ones) in readable files
    /// in <see cref="RocketMQOptions.OffsetStorePath"/>, as the grain storage <c>RocketMQ</c>. For silos with a disk of their
    /// own that outlives them; any other Orleans grain storage of that name does as well.
    /// </summary>
    public RocketMQBuilder UseFileStorage()
    {
        Services.AddGrainStorage(StateStorage.ProviderName, static (services, _) => new FileGrainStorage(
            services.GetRequiredService<IOptions<RocketMQOptions>>().Value.OffsetStorePath,
            services.GetRequiredService<ILogger<FileGrainStorage>>()));
        return this;
    }

    /// <summary>
    /// Makes a way to split queues known, to be chosen by its name in <see cref="ConsumerOptions.AllocateStrategy"/>. One
    /// with the name of a built-in strategy takes its place.
    /// </summary>
    public RocketMQBuilder AddAllocateStrategy(IAllocateStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        Services.AddSingleton(strategy);
        return this;
    }

    /// <inheritdoc cref="AddAllocateStrategy(IAllocateStrategy)"/>
    /// <typeparam name="TStrategy">The strategy; made once, by the silo's services.</typeparam>
    public RocketMQBuilder AddAllocateStrategy<TStrategy>()
        where TStrategy : class, IAllocateStrategy
    {
        Services.AddSingleton<IAllocateStrategy, TStrategy>();
        return this;
    }

    /// <summary>
    /// Tells in which machine rooms brokers and members stand, for the strategy MACHINE_ROOM_NEARBY; instead of
    /// <see cref="RocketMQOptions.MachineRooms"/>.
    /// </summary>
    public RocketMQBuilder UseMachineRooms(IMachineRoomResolver rooms)
    {
        ArgumentNullException.ThrowIfNull(rooms);
        Services.AddSingleton(rooms);
        return this;
    }

    /// <summary>
    /// Sets who reads the bodies of messages for typed listeners and handlers, for all groups that name no serializer of their
    /// own. Default JSON: <see cref="JsonMessageSerializer.Default"/>.
    /// </summary>
    /// <param name="serializer">Must be thread-safe.</param>
    public RocketMQBuilder UseSerializer(IMessageSerializer serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        Services.AddSingleton(serializer);
        return this;
    }

    /// <summary>Puts a filter around the calls of all groups' listeners on this silo, behind those added before.</summary>
    /// <typeparam name="TFilter">
    /// The filter; taken from a container scope of each call when it is registered there, else made with its services.
    /// </typeparam>
    /// <param name="perMessage">
    /// Whether it wants each message in a call of its own: listeners then get one message at a time, whatever
    /// <see cref="ConsumerOptions.ConsumeBatchSize"/> says.
    /// </param>
    public RocketMQBuilder AddConsumeFilter<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFilter>(bool perMessage = false)
        where TFilter : class, IConsumeFilter
    {
        Services.AddSingleton<ConsumeFilterClass>(new ConsumeFilterClass<TFilter>(perMessage));
        return this;
    }

    /// <inheritdoc/>
    void IMessageSerializerRegistry.UseSerializer(IMessageSerializer serializer) => UseSerializer(serializer);

    /// <inheritdoc/>
    void IDecompressorRegistry.Register(IMessageDecompressor decompressor) => AddDecompressor(decompressor);

    /// <summary>Adds a consumer group.</summary>
    /// <typeparam name="TListener">The listener: a grain class, or a grain interface that exactly one class implements.</typeparam>
    /// <param name="group">The consumer group.</param>
    /// <param name="configure">Subscribes it to topics and sets its options.</param>
    public RocketMQBuilder AddConsumer<TListener>(string group, Action<ConsumerBuilder> configure)
        where TListener : IRocketMQListener
    {
        ArgumentNullException.ThrowIfNull(configure);
        Services.AddSingleton(new ConsumerDeclaration(group, consumer =>
        {
            (consumer.Options.Listener, consumer.Options.Handler) = (typeof(TListener), null);
            configure(consumer);
        }));
        return this;
    }

    /// <summary>
    /// Adds a consumer group whose listener is a delegate
    /// (<see cref="ConsumerBuilder.Handle(Func{MessageExt, CancellationToken, Task})"/>)
    /// or plain handlers (<see cref="ConsumerBuilder.Handle{T, THandler}(string, MessageMatch?)"/>),
    /// or is registered before it is started.
    /// </summary>
    /// <param name="group">The consumer group.</param>
    /// <param name="configure">Subscribes it to topics, sets its listener and its options.</param>
    public RocketMQBuilder AddConsumer(string group, Action<ConsumerBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        Services.AddSingleton(new ConsumerDeclaration(group, configure));
        return this;
    }
}

/// <summary>Says in code what one group consumes, and how.</summary>
public sealed partial class ConsumerBuilder
{
    private readonly DeclaredSelectors _declared = new("code");

    internal ConsumerBuilder(ConsumerOptions options) => Options = options;

    /// <summary>The group's options.</summary>
    public ConsumerOptions Options { get; }

    /// <summary>Subscribes to a topic by tags.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="tags">Tags joined by <c>||</c>; default every message.</param>
    /// <exception cref="RocketMQValidationException">The expression is none.</exception>
    /// <exception cref="RocketMQConfigurationException">
    /// Code has subscribed the group to the topic already, by another selector.
    /// </exception>
    public ConsumerBuilder Subscribe(string topic, string tags = MessageSelector.AllTags) => Subscribe(topic, MessageSelector.ByTag(tags));

    /// <summary>Subscribes to a topic.</summary>
    /// <exception cref="RocketMQConfigurationException">
    /// Code has subscribed the group to the topic already, by another selector.
    /// </exception>
    public ConsumerBuilder Subscribe(string topic, MessageSelector selector)
    {
        _declared.Add(Options.Group, topic, selector);
        _selected.Add(topic);
        Options.Subscriptions[topic] = selector;
        return this;
    }

    /// <summary>Listens with a delegate instead of a grain: one message at a time, many calls at once.</summary>
    /// <param name="listener">A message it throws on comes again.</param>
    public ConsumerBuilder Handle(Func<MessageExt, CancellationToken, Task> listener) => Handle(DelegateHandler.Of(listener));

    /// <inheritdoc cref="Handle(Func{MessageExt, CancellationToken, Task})"/>
    public ConsumerBuilder Handle(Func<MessageExt, CancellationToken, Task<ConsumeResult>> listener)
        => Handle(DelegateHandler.Of(listener));

    /// <summary>
    /// Listens with a delegate instead of a grain: up to <see cref="ConsumerOptions.ConsumeBatchSize"/> messages of a queue
    /// at a time, many calls at once.
    /// </summary>
    /// <param name="listener">As <see cref="IConcurrentListener.ConsumeAsync"/>.</param>
    public ConsumerBuilder HandleBatch(Func<MessageBatch, ConsumeContext, CancellationToken, ValueTask<ConsumeResult>> listener)
        => Handle(DelegateHandler.Of(listener));

    private ConsumerBuilder Handle(DelegateHandler handler)
    {
        (Options.Handler, Options.Listener) = (handler, typeof(DelegateListener));
        return this;
    }

    /// <summary>Puts a filter around the calls of the group's listener, behind those for all groups and those added before.</summary>
    /// <inheritdoc cref="RocketMQBuilder.AddConsumeFilter{TFilter}"/>
    public ConsumerBuilder AddFilter<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFilter>(bool perMessage = false)
        where TFilter : class, IConsumeFilter
    {
        ((List<ConsumeFilterClass>)(Options.Filters ??= new List<ConsumeFilterClass>())).Add(new ConsumeFilterClass<TFilter>(perMessage));
        return this;
    }

    /// <summary>Sets options of the group.</summary>
    public ConsumerBuilder Configure(Action<ConsumerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(Options);
        return this;
    }
}
