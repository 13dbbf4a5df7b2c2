namespace OrleansRocketMQ.Dispatch;

/// <summary>What code says of the types a group gets. Filled while the silo is built, only read afterwards.</summary>
internal sealed class TypedDeclaration
{
    private readonly List<MessageRoute> _routes = [];

    /// <summary>Who reads the group's bodies; null: the silo's serializer.</summary>
    public IMessageSerializer? Serializer { get; set; }

    /// <summary>Which messages hold which type, as declared.</summary>
    public IReadOnlyList<MessageRoute> Routes => _routes;

    /// <exception cref="RocketMQConfigurationException">The topic's messages of that kind have a type already.</exception>
    public void Add(string group, MessageRoute route)
    {
        if (_routes.Find(known => known.Topic == route.Topic && known.Match == route.Match) is { } other)
        {
            throw new RocketMQConfigurationException(
                $"Type of the messages of topic '{route.Topic}' of group '{group}'",
                $"{other.Reader.Type.Name} and {route.Reader.Type.Name}",
                $"one type for those that match {route.Match}; MessageMatch tells types apart by tag or property, and a second handler "
                + "of the same messages has a group of its own");
        }

        _routes.Add(route);
    }

    /// <summary>
    /// The messages the group wants of a topic so that it gets all that have a type: by tags, where all of them have one.
    /// </summary>
    public MessageSelector SelectorOf(string topic)
    {
        var matches = _routes.Where(route => route.Topic == topic).Select(route => route.Match).ToArray();
        return matches.All(match => match.Name == MessageProperties.Tags)
            ? MessageSelector.ByTag(string.Join(" || ", matches.Select(match => match.Value)))
            : MessageSelector.ByTag(null);
    }
}

/// <summary>The messages that hold values of one type.</summary>
/// <param name="Topic">Their topic; null: any that nothing else is said of.</param>
/// <param name="Match">By what they are told from others of the topic.</param>
/// <param name="Reader">Makes values of them.</param>
internal sealed record MessageRoute(string? Topic, MessageMatch Match, MessageReader Reader);
