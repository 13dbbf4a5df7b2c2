namespace OrleansRocketMQ;

/// <summary>By what the messages of a topic that hold one type are told from those that hold another. Immutable.</summary>
public sealed record MessageMatch
{
    private MessageMatch(string? name, string? value) => (Name, Value) = (name, value);

    /// <summary>All messages that nothing else of the topic fits.</summary>
    public static MessageMatch Any { get; } = new(null, null);

    /// <summary>The property whose value counts; null for <see cref="Any"/>.</summary>
    public string? Name { get; }

    /// <summary>The value it must have; null for <see cref="Any"/>.</summary>
    public string? Value { get; }

    /// <summary>The messages with a tag. Where all types of a topic have one, the group subscribes to these tags only.</summary>
    /// <param name="tag">One tag.</param>
    /// <exception cref="RocketMQValidationException">It is not one tag.</exception>
    public static MessageMatch ByTag(string tag)
        => string.IsNullOrWhiteSpace(tag) || tag.Contains("||", StringComparison.Ordinal) || tag == MessageSelector.AllTags
            ? throw new RocketMQValidationException("Tag", tag, "one tag")
            : new(MessageProperties.Tags, tag.Trim());

    /// <summary>The messages with a property of a certain value, for example a header that names their type.</summary>
    /// <param name="name">The property's name.</param>
    /// <param name="value">Its value, to the letter.</param>
    /// <exception cref="RocketMQValidationException">There is no name or no value.</exception>
    public static MessageMatch ByProperty(string name, string value)
        => string.IsNullOrEmpty(name) || string.IsNullOrEmpty(value)
            ? throw new RocketMQValidationException("Property", $"{name}={value}", "a name and a value")
            : new(name, value);

    /// <summary>Whether a message is one of them.</summary>
    /// <param name="message">The message.</param>
    public bool Fits(MessageExt message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return Name is null || string.Equals(message.GetProperty(Name), Value, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public override string ToString() => Name is null ? "any" : $"{Name}={Value}";
}
