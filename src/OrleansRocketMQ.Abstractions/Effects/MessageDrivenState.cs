using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// What is stored of a grain whose state follows from messages, in one write: the state, which messages are in it, and what is to
/// be sent because of them. The setters are for storages. Not thread-safe.
/// </summary>
/// <typeparam name="TState">The state. Its properties need setters, as for any grain state.</typeparam>
[GenerateSerializer]
[Alias("OrleansRocketMQ.MessageDrivenState`1")]
public sealed class MessageDrivenState<TState>
    where TState : class, new()
{
    /// <summary>The state.</summary>
    [Id(0)]
    public TState Value { get; set; } = new();

    /// <summary>Which messages it has the effects of.</summary>
    [Id(1)]
    public ProcessedOffsets Processed { get; set; } = new();

    /// <summary>What the grain sends and no broker has confirmed yet, in order.</summary>
    [Id(2)]
    public List<RecordedMessage> Outbox { get; set; } = [];
}
