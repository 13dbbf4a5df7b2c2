using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Hosting;

/// <summary>Says in code what a silo consumes.</summary>
public sealed class RocketMQBuilder : IDecompressorRegistry
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
    /// Registers who decompresses bodies of a type other than zlib. Without one such messages count as failed and go the
    /// way of retry. For LZ4 and ZSTD the package OrleansRocketMQ.Compression has <c>AddLz4AndZstd()</c>.
    /// </summary>
    public RocketMQBuilder AddDecompressor(IMessageDecompressor decompressor)
    {
        ArgumentNullException.ThrowIfNull(decompressor);
        Services.AddSingleton(decompressor);
        return this;
    }

    /// <inheritdoc/>
    void IDecompressorRegistry.Register(IMessageDecompressor decompressor) => AddDecompressor(decompressor);

    /// <summary>Adds a consumer group.</summary>
    /// <typeparam name="TListener">The listener: a grain class, or a grain interface that exactly one class implements.</typeparam>
    /// <param name="group">The consumer group.</param>
    /// <param name="configure">Subscribes it to topics and sets its options.</param>
    public RocketMQBuilder AddConsumer<TListener>(string group, Action<ConsumerBuilder> configure)
        where TListener : IMessageListener
    {
        ArgumentNullException.ThrowIfNull(configure);
        Services.AddSingleton(new ConsumerDeclaration(group, options =>
        {
            options.Listener = typeof(TListener);
            configure(new ConsumerBuilder(options));
        }));
        return this;
    }
}

/// <summary>Says in code what one group consumes, and how.</summary>
public sealed class ConsumerBuilder
{
    internal ConsumerBuilder(ConsumerOptions options) => Options = options;

    /// <summary>The group's options.</summary>
    public ConsumerOptions Options { get; }

    /// <summary>Subscribes to a topic by tags.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="tags">Tags joined by <c>||</c>; default every message.</param>
    /// <exception cref="RocketMQValidationException">The expression is none.</exception>
    public ConsumerBuilder Subscribe(string topic, string tags = MessageSelector.AllTags) => Subscribe(topic, MessageSelector.ByTag(tags));

    /// <summary>Subscribes to a topic.</summary>
    public ConsumerBuilder Subscribe(string topic, MessageSelector selector)
    {
        Options.Subscriptions[topic] = selector;
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
