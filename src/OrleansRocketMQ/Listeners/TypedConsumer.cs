using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Dispatch;

/// <summary>What is known of the types a group's listener gets. Thread-safe.</summary>
/// <param name="routes">Which messages hold which type.</param>
/// <param name="serializer">Reads bodies.</param>
/// <param name="scopes">Makes the scopes in which handlers are called.</param>
/// <param name="handling">What becomes of messages that cannot be read.</param>
internal sealed class TypedConsumer(
    IReadOnlyList<MessageRoute> routes, IMessageSerializer serializer, IServiceScopeFactory scopes, UnreadableHandling handling)
{
    // What says more comes first: matches before "any", topics before no topic.
    private readonly MessageRoute[] _routes =
        [.. routes.OrderBy(route => route.Topic is null).ThenBy(route => route.Match.Name is null)];

    private readonly HashSet<string> _topics = [.. routes.Select(route => route.Topic).OfType<string>()];

    public IMessageSerializer Serializer => serializer;

    public IServiceScopeFactory Scopes => scopes;

    public UnreadableHandling Handling => handling;

    /// <summary>As many messages, from the first on, as one call takes; or the first one when it cannot be read.</summary>
    public TypedBatch Next(ArraySegment<MessageExt> messages)
    {
        var first = messages[0];
        return RouteOf(first) is { } route
            ? route.Reader.Read(messages, this, route)
            : new UnreadableBatch($"No type is known for messages of topic '{first.Topic}' with tag '{first.Tags}'.");
    }

    /// <summary>The type of a message; null when none is known.</summary>
    public MessageRoute? RouteOf(MessageExt message)
    {
        foreach (var route in _routes)
        {
            if ((route.Topic is null ? !_topics.Contains(message.Topic) : route.Topic == message.Topic) && route.Match.Fits(message))
            {
                return route;
            }
        }

        return null;
    }
}
