using System.Diagnostics.CodeAnalysis;
using OrleansRocketMQ.Dispatch;

namespace OrleansRocketMQ.Hosting;

/// <summary>What a group gets as values.</summary>
public sealed partial class ConsumerBuilder : IMessageSerializerRegistry
{
#pragma warning disable RS0026 // No call fits two of them: their type arguments and delegates tell them apart.
    // Topics whose selector the user has chosen; what is said of types does not change it.
    private readonly HashSet<string> _selected = new(StringComparer.Ordinal);

    /// <summary>
    /// Subscribes a listener grain of values to a topic and says which of its messages hold <typeparamref name="T"/>. Where all
    /// types of a topic are told apart by tags, the group gets these tags only, unless
    /// <see cref="Subscribe(string, MessageSelector)"/> says otherwise.
    /// </summary>
    /// <typeparam name="T">A type for which the group's listener implements <see cref="IConcurrentListener{T}"/> or its like.</typeparam>
    /// <param name="topic">The topic.</param>
    /// <param name="match">Which messages; null: all that nothing else of the topic fits.</param>
    /// <exception cref="RocketMQConfigurationException">The topic's messages of that kind have a type already.</exception>
    public ConsumerBuilder Subscribe<T>(string topic, MessageMatch? match = null) => Add(topic, match, new ListenerReader<T>());

    /// <summary>
    /// Has a plain class handle the values of a topic: for each message a new one from a container scope of its own. May be
    /// said for several topics and types; <see cref="Configuration.ConsumerOptions.HandlerMode"/> says in which order.
    /// </summary>
    /// <typeparam name="T">The values' type.</typeparam>
    /// <typeparam name="THandler">
    /// The handler; taken from the container when it is registered there, else made with its services.
    /// </typeparam>
    /// <inheritdoc cref="Subscribe{T}(string, MessageMatch)"/>
    public ConsumerBuilder Handle<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string topic, MessageMatch? match = null)
        where THandler : class, IMessageHandler<T>
        => Handle(topic, match, new HandlerReader<T, THandler>());

    /// <summary>
    /// Has a delegate handle the values of a topic, one message at a time. May be said for several topics and types, and beside
    /// handlers; <see cref="Configuration.ConsumerOptions.HandlerMode"/> says in which order.
    /// </summary>
    /// <param name="topic">The topic.</param>
    /// <param name="handler">That it ends without an exception means success; a message it throws on comes again.</param>
    /// <param name="match">Which messages; null: all that nothing else of the topic fits.</param>
    /// <inheritdoc cref="Subscribe{T}(string, MessageMatch)"/>
    public ConsumerBuilder Handle<T>(
        string topic, Func<Message<T>, MessageContext, CancellationToken, Task> handler, MessageMatch? match = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Handle(topic, match, new DelegateReader<T>(handler));
    }

    /// <summary>Sets who reads the bodies of the group's messages, instead of the silo's serializer.</summary>
    /// <param name="serializer">Must be thread-safe.</param>
    public ConsumerBuilder UseSerializer(IMessageSerializer serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        Types.Serializer = serializer;
        return this;
    }

#pragma warning restore RS0026

    /// <inheritdoc/>
    void IMessageSerializerRegistry.UseSerializer(IMessageSerializer serializer) => UseSerializer(serializer);

    private TypedDeclaration Types => (TypedDeclaration)(Options.Typed ??= new TypedDeclaration());

    private ConsumerBuilder Handle(string topic, MessageMatch? match, MessageReader reader)
    {
        (Options.Handler, Options.Listener) = (null, typeof(HandlerListener));
        return Add(topic, match, reader);
    }

    private ConsumerBuilder Add(string topic, MessageMatch? match, MessageReader reader)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        Types.Add(Options.Group, new(topic, match ?? MessageMatch.Any, reader));
        if (!_selected.Contains(topic))
        {
            Options.Subscriptions[topic] = Types.SelectorOf(topic);
        }

        return this;
    }
}
