namespace OrleansRocketMQ;

/// <summary>A message and the value its body holds. Immutable, as far as the value is.</summary>
/// <typeparam name="T">The value's type.</typeparam>
/// <param name="value">The value.</param>
/// <param name="raw">The message.</param>
public readonly struct Message<T>(T value, MessageExt raw)
{
    /// <summary>The value; never null in a call of a listener.</summary>
    public T Value { get; } = value;

    /// <summary>The message as it came: keys, tag, properties, times, offset, the body itself.</summary>
    public MessageExt Raw { get; } = raw;

    /// <inheritdoc/>
    public override string ToString() => $"{typeof(T).Name} in {Raw}";
}
