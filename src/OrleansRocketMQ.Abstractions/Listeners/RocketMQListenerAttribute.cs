namespace OrleansRocketMQ;

/// <summary>
/// Declares, on a listener grain class, that it consumes a topic for a group. Several attributes with the same group
/// subscribe it to several topics.
/// </summary>
/// <param name="group">The consumer group.</param>
/// <param name="topic">The topic.</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
public sealed class RocketMQListenerAttribute(string group, string topic) : Attribute
{
    /// <summary>The consumer group.</summary>
    public string Group { get; } = group;

    /// <summary>The topic.</summary>
    public string Topic { get; } = topic;

    /// <summary>Tags joined by <c>||</c>; default every message. Not together with <see cref="Sql"/>.</summary>
    public string? Tags { get; set; }

    /// <summary>A SQL92 condition. Not together with <see cref="Tags"/>.</summary>
    public string? Sql { get; set; }
}
