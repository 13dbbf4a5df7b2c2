using Orleans;

namespace OrleansRocketMQ.Serialization;

/// <summary>A <see cref="MessageSelector"/> between silos and clients.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.MessageSelector")]
internal readonly struct MessageSelectorSurrogate(ExpressionType type, string expression)
{
    [Id(0)]
    public readonly ExpressionType Type = type;

    [Id(1)]
    public readonly string Expression = expression;
}

/// <inheritdoc cref="MessageSelectorSurrogate"/>
[RegisterConverter]
internal sealed class MessageSelectorConverter : IConverter<MessageSelector, MessageSelectorSurrogate>
{
    public MessageSelector ConvertFromSurrogate(in MessageSelectorSurrogate surrogate)
        => surrogate.Type == ExpressionType.Tag ? MessageSelector.ByTag(surrogate.Expression) : MessageSelector.BySql(surrogate.Expression);

    public MessageSelectorSurrogate ConvertToSurrogate(in MessageSelector value) => new(value.Type, value.Expression);
}
