using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// What this silo's groups give to typed listeners and handlers, and what it tells of messages they cannot get. Thread-safe.
/// </summary>
internal sealed partial class TypedListeners(
    IDelegateHandlers groups, IServiceProvider services, RocketMQMetrics metrics, ILogger<TypedListeners> logger)
{
    private readonly ConcurrentDictionary<(string Group, Type Listener), TypedConsumer> _consumers = new();

    /// <summary>What a group's listener gets.</summary>
    /// <exception cref="ConsumerStateException">The group is not configured on this silo, so nobody knows its types.</exception>
    public TypedConsumer Of(string group, object listener)
        => _consumers.TryGetValue((group, listener.GetType()), out var known)
            ? known
            : _consumers.GetOrAdd((group, listener.GetType()), Make(groups.OptionsOf(group), listener.GetType()));

    /// <summary>Which messages hold which type.</summary>
    /// <param name="options">The group.</param>
    /// <param name="listener">The class of its listener.</param>
    /// <exception cref="RocketMQConfigurationException">What was declared does not go with the class.</exception>
    public static IReadOnlyList<MessageRoute> RoutesOf(ConsumerOptions options, Type listener)
    {
        var declared = (options.Typed as TypedDeclaration)?.Routes ?? [];
        if (HandlerListeners.KindOf(listener) is not null)
        {
            return declared;
        }

        var types = TypedInterfaces.TypesOf(listener);
        if (declared.FirstOrDefault(route => !types.Contains(route.Reader.Type)) is { } stranger)
        {
            throw Wrong(options, stranger.Reader.Type, $"a type for which {listener.FullName} implements a listener's interface");
        }

        return types.Length switch
        {
            1 => [.. declared, new(null, MessageMatch.Any, MessageReader.Of(types[0]))],
            > 1 when declared.Count == 0 => throw Wrong(
                options,
                null,
                $"Subscribe<T>(topic, match) for each of {string.Join(", ", types.Select(type => type.Name))}, "
                    + $"which {listener.FullName} gets"),
            _ => declared,
        };
    }

    /// <summary>Tells of a message that cannot be given to its listener.</summary>
    public void NoteUnreadable(string group, MessageExt message, string reason, UnreadableHandling handling)
    {
        Log.Unreadable(logger, message.MessageId, group, message.Topic, handling, reason);
        metrics.Unreadable(group, message.Topic, handling);
    }

    private TypedConsumer Make(ConsumerOptions options, Type listener) => new(
        RoutesOf(options, listener),
        (options.Typed as TypedDeclaration)?.Serializer ?? services.GetService<IMessageSerializer>() ?? JsonMessageSerializer.Default,
        services.GetRequiredService<IServiceScopeFactory>(),
        options.UnreadableHandling);

    private static RocketMQConfigurationException Wrong(ConsumerOptions options, Type? type, string expected)
        => new($"{RocketMQOptions.SectionName}:Consumers:{options.Group}:Listener", type?.FullName, expected);

    private static partial class Log
    {
        [LoggerMessage(
            108,
            LogLevel.Error,
            "Message {MessageId} of group {Group}, topic {Topic}, cannot be given to its listener ({Handling}): {Reason}")]
        public static partial void Unreadable(
            ILogger logger, string messageId, string group, string topic, UnreadableHandling handling, string reason);
    }
}
