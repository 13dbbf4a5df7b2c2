using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Filters;

namespace OrleansRocketMQ.Dispatch;

/// <summary>Makes values of one type of messages. One for each declaration, so that no message costs reflection. Thread-safe.</summary>
internal abstract class MessageReader
{
    /// <summary>The values' type.</summary>
    public abstract Type Type { get; }

    /// <summary>Why nobody can be made who takes the values; null when nothing speaks against it.</summary>
    public virtual MissingService? Missing(IServiceProvider services) => null;

    /// <summary>Reads what one call takes.</summary>
    /// <param name="messages">Messages of one queue in order; the first is of this type.</param>
    /// <param name="consumer">Who reads them.</param>
    /// <param name="route">The route of the first one.</param>
    public abstract TypedBatch Read(ArraySegment<MessageExt> messages, TypedConsumer consumer, MessageRoute route);

    /// <summary>One for a type of a listener grain, which only its class names.</summary>
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Once for each class; silos are not compiled ahead of time.")]
    public static MessageReader Of(Type type) => (MessageReader)Activator.CreateInstance(typeof(ListenerReader<>).MakeGenericType(type))!;
}

/// <inheritdoc cref="MessageReader"/>
internal abstract class MessageReader<T> : MessageReader
{
    public override Type Type => typeof(T);

    /// <summary>The value of a message, or why there is none.</summary>
    protected static bool TryRead(MessageExt message, TypedConsumer consumer, out Message<T> read, [NotNullWhen(false)] out string? reason)
    {
        try
        {
            if (consumer.Serializer.Deserialize<T>(message.Body) is { } value)
            {
                (read, reason) = (new(value, message), null);
                return true;
            }

            reason = $"The body holds no {typeof(T).Name}.";
        }
        catch (Exception exception)
        {
            reason = $"The body is no {typeof(T).Name}: {exception.Message}";
        }

        read = default;
        return false;
    }
}

/// <summary>Reads batches for listener grains.</summary>
internal sealed class ListenerReader<T> : MessageReader<T>
{
    public override TypedBatch Read(ArraySegment<MessageExt> messages, TypedConsumer consumer, MessageRoute route)
    {
        var read = new Message<T>[messages.Count];
        for (var index = 0; index < read.Length; index++)
        {
            if (index > 0 && !ReferenceEquals(consumer.RouteOf(messages[index]), route))
            {
                return new ListenerBatch<T>(new(read, 0, index));
            }

            if (!TryRead(messages[index], consumer, out read[index], out var reason))
            {
                return index == 0 ? new UnreadableBatch(reason) : new ListenerBatch<T>(new(read, 0, index));
            }
        }

        return new ListenerBatch<T>(read);
    }
}

/// <summary>Reads messages one by one for a plain handler.</summary>
internal sealed class HandlerReader<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>
    : MessageReader<T>
    where THandler : class, IMessageHandler<T>
{
    public override TypedBatch Read(ArraySegment<MessageExt> messages, TypedConsumer consumer, MessageRoute route)
        => TryRead(messages[0], consumer, out var read, out var reason)
            ? new HandlerBatch<T>(read, (message, context, cancellationToken) => CallAsync(consumer, message, context, cancellationToken))
            : new UnreadableBatch(reason);

    public override MissingService? Missing(IServiceProvider services) => FromContainer<THandler>.Missing(services);

    private static async Task CallAsync(
        TypedConsumer consumer, Message<T> message, MessageContext context, CancellationToken cancellationToken)
    {
        // Filters around the call have its scope already.
        if (context.Services is { } services)
        {
            await HandleAsync(services, message, context, cancellationToken);
            return;
        }

        await using var scope = consumer.Scopes.CreateAsyncScope();
        await HandleAsync(scope.ServiceProvider, message, context, cancellationToken);
    }

    private static async Task HandleAsync(
        IServiceProvider services, Message<T> message, MessageContext context, CancellationToken cancellationToken)
    {
        await using var handler = FromContainer<THandler>.Get(services);
        await handler.Value.HandleAsync(message, context, cancellationToken);
    }
}

/// <summary>Reads messages one by one for a delegate.</summary>
internal sealed class DelegateReader<T>(Func<Message<T>, MessageContext, CancellationToken, Task> handler) : MessageReader<T>
{
    public override TypedBatch Read(ArraySegment<MessageExt> messages, TypedConsumer consumer, MessageRoute route)
        => TryRead(messages[0], consumer, out var read, out var reason) ? new HandlerBatch<T>(read, handler) : new UnreadableBatch(reason);
}
